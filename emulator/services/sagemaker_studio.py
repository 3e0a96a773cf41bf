"""Amazon SageMaker Studio: user profiles, spaces and lifecycle configurations, of which moto has no model."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.sagemaker.exceptions import ResourceInUseException, ResourceNotFound
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse

from emulator.registry import adds, corrects, records


@dataclass
class Record:
    """A resource of Studio; moto's tagging reads and writes `tags`."""

    kind: str
    data: dict[str, Any]
    tags: list[dict[str, str]] = field(default_factory=list)


def _known(backend: Any) -> dict[str, Record]:
    return records(backend, "studio")


@corrects(
    "sagemaker",
    "AddTags",
    "cannot tag user profiles, spaces and lifecycle configurations",
    on=SageMakerModelBackend,
    attribute="_get_resource_from_arn",
)
def get_resource_from_arn(original: Callable[..., Any], self: Any, arn: str) -> Any:  # noqa: D103
    if arn in _known(self):
        return _known(self)[arn]
    kind, _, name = arn.rsplit(":", maxsplit=1)[-1].partition("/")
    if kind == "notebook-instance-lifecycle-config":
        config = self.notebook_instance_lifecycle_configurations[name]
        config.tags = getattr(config, "tags", None) or []
        return config
    return original(self, arn)


def _declare(kind: str, path: str, *identifiers: str) -> None:
    def arn_of(self: Any) -> str:
        backend = self.sagemaker_backend
        name = "/".join(self._get_param(identifier) for identifier in identifiers)
        return f"arn:aws:sagemaker:{backend.region_name}:{backend.account_id}:{path}/{name}"

    def find(self: Any) -> Record:
        record = _known(self.sagemaker_backend).get(arn_of(self))
        if record is None:
            raise ResourceNotFound(message=f"{kind} {arn_of(self)} does not exist")
        return record

    def create(self: Any) -> ActionResult:
        if "DomainId" in identifiers:
            self.sagemaker_backend.describe_domain(self._get_param("DomainId"))
        known, arn, given = _known(self.sagemaker_backend), arn_of(self), json.loads(self.body)
        if arn in known:
            raise ResourceInUseException(message=f"{kind} {arn} already exists")
        tags: list[dict[str, str]] = given.pop("Tags", None) or []
        now = utcnow()
        own = {f"{kind}Arn": arn, "CreationTime": now, "LastModifiedTime": now}
        if "DomainId" in identifiers:
            own |= {"Status": "InService", "HomeEfsFileSystemUid": "200001"}
        known[arn] = Record(kind, {**given, **own}, tags)
        return ActionResult({f"{kind}Arn": arn})

    def describe(self: Any) -> ActionResult:
        return ActionResult(find(self).data)

    def update(self: Any) -> ActionResult:
        find(self).data.update(json.loads(self.body), LastModifiedTime=utcnow())
        return ActionResult({f"{kind}Arn": arn_of(self)})

    def delete(self: Any) -> EmptyResult:
        find(self)
        del _known(self.sagemaker_backend)[arn_of(self)]
        return EmptyResult()

    def listing(self: Any) -> ActionResult:
        found = [record.data for record in _known(self.sagemaker_backend).values() if record.kind == kind]
        if domain := self._get_param("DomainIdEquals"):
            found = [data for data in found if data["DomainId"] == domain]
        return ActionResult({f"{kind}s": found})

    methods = {f"Create{kind}": create, f"Describe{kind}": describe, f"Delete{kind}": delete, f"List{kind}s": listing}
    if "DomainId" in identifiers:
        methods[f"Update{kind}"] = update
    for operation, method in methods.items():
        adds("sagemaker", operation, on=SageMakerResponse)(method)


_declare("UserProfile", "user-profile", "DomainId", "UserProfileName")
_declare("Space", "space", "DomainId", "SpaceName")
_declare("StudioLifecycleConfig", "studio-lifecycle-config", "StudioLifecycleConfigName")


@adds("sagemaker", "ListApps", on=SageMakerResponse)
def list_apps(_self: Any) -> ActionResult:  # noqa: D103
    # No operation starts an app here, so none runs.
    return ActionResult({"Apps": []})
