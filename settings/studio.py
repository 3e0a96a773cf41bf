"""`mlplatform:studio`: SageMaker Studio."""

from typing import Annotated

from pydantic import Field, StringConstraints

from settings.base import Section

Name = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]


class StudioSettings(Section):
    """A Studio domain of our own or an existing one, its users, and the model-serving image repository."""

    enabled: bool = True
    """Whether there is a Studio."""
    domain_id: Annotated[str, StringConstraints(pattern=r"^d-[a-z0-9]+$", max_length=63)] | None = None
    """Id of an existing domain to add the users to (the sample's `DOMAIN_ID`)."""
    domain_name: Name | None = None
    """Name of a created domain; `<project>-<stack>` by default."""
    user_profiles: Annotated[list[Name], Field(min_length=1)] = ["mlflow-user"]
    """Users' profiles."""
    serving_repository_name: (
        Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([._/-][a-z0-9]+)*$", max_length=256)] | None
    ) = None
    """Image repository for `mlflow sagemaker build-and-push-container`; default `<project>-<stack>/mlflow-pyfunc`."""
    training_image_accounts: list[Annotated[str, StringConstraints(pattern=r"^\d{12}$")]] = [
        "763104351884",
        "683313688378",
    ]
    """Accounts whose image repositories jobs may pull from; by default AWS's deep-learning and scikit-learn images."""
