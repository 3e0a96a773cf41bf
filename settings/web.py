"""`mlplatform:web`: what people open in a browser, through CloudFront."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from settings.base import RetentionDays, Section

Color = Annotated[str, StringConstraints(pattern=r"^(#[0-9a-fA-F]{6}|[a-z]{3,20})$")]


class PriceClass(StrEnum):
    """Edge locations that CloudFront uses."""

    NORTH_AMERICA_AND_EUROPE = "PriceClass_100"
    WITHOUT_SOUTH_AMERICA_AND_AUSTRALIA = "PriceClass_200"
    ALL = "PriceClass_All"


class Banner(Section):
    """The banner at the top of the page (MLSpace's system banner)."""

    text: Annotated[str, StringConstraints(max_length=200)] = ""
    """Text; no banner if empty."""
    background_color: Color = "#232f3e"
    """Background, as `#rrggbb` or by name."""
    text_color: Color = "#ffffff"
    """Colour of the text."""


class WebSettings(Section):
    """The platform's page and MLflow's pages."""

    enabled: bool = True
    """Whether there is a page at the name `service`."""
    mlflow_ui: bool = True
    """Whether MLflow's pages are offered at the name `mlflowui`, with login; `mlflow.auth: cognito` only."""
    banner: Banner = Banner()
    """A banner on the page."""
    price_class: PriceClass = PriceClass.NORTH_AMERICA_AND_EUROPE
    """CloudFront's edge locations: `PriceClass_100`, `PriceClass_200` or `PriceClass_All`."""
    log_retention_days: RetentionDays = 30
    """Days that CloudFront's access logs are kept."""
