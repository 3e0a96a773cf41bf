"""Amazon SageMaker: the domain and notebooks. What lives in a domain is in `sagemaker_studio`."""

import json
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import camelcase_to_underscores, utcnow
from moto.sagemaker.exceptions import ResourceNotFound
from moto.sagemaker.models import Domain, FakeSagemakerNotebookInstance, SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse

from emulator.registry import adds, attributes, corrects

NOTEBOOK_MEMBERS = ("PlatformIdentifier", "InstanceMetadataServiceConfiguration", "IpAddressType")


@corrects("sagemaker", "CreateDomain", "answers no DomainId, drops TagPropagation", on=SageMakerResponse)
def create_domain(original: Callable[..., Any], self: Any) -> ActionResult:  # noqa: D103
    answer = original(self)
    domain_id = answer.result["DomainArn"].split("/")[-1]
    if propagation := self._get_param("TagPropagation"):
        attributes(self.sagemaker_backend.domains[domain_id])["_members"] = {"TagPropagation": propagation}
    return ActionResult({**answer.result, "DomainId": domain_id})


@corrects("sagemaker", "DescribeDomain", "answers no TagPropagation", on=Domain, attribute="describe")
def describe(original: Callable[..., Any], self: Any) -> dict[str, Any]:  # noqa: D103
    return {**original(self), "TagPropagation": "DISABLED", **attributes(self).get("_members", {})}


def _existing_domain(original: Callable[..., Any], self: Any, domain_id: str, *args: object, **kwargs: object) -> Any:
    if domain_id not in self.domains:
        raise ResourceNotFound(message=f"Domain {domain_id} does not exist")
    return original(self, domain_id, *args, **kwargs)


for _operation in ("DescribeDomain", "DeleteDomain"):
    corrects("sagemaker", _operation, "a missing domain is not ResourceNotFound", on=SageMakerModelBackend)(
        _existing_domain
    )


@adds("sagemaker", "UpdateDomain", on=SageMakerResponse)
def update_domain(self: Any) -> ActionResult:  # noqa: D103
    domain_id = self._get_param("DomainId")
    self.sagemaker_backend.describe_domain(domain_id)
    domain = self.sagemaker_backend.domains[domain_id]
    for member, value in json.loads(self.body).items():
        if member == "TagPropagation":
            attributes(domain).setdefault("_members", {})[member] = value
        elif member != "DomainId":
            setattr(domain, camelcase_to_underscores(member), value)
    return ActionResult({"DomainArn": domain.arn})


@corrects(
    "sagemaker",
    "CreateNotebookInstance",
    "refuses instance types that are newer than its list",
    on=FakeSagemakerNotebookInstance,
    attribute="validate_instance_type",
)
def validate_instance_type(_original: Callable[..., Any], _self: Any, _instance_type: str) -> None:  # noqa: D103
    return


@corrects("sagemaker", "CreateNotebookInstance", "drops platform and metadata settings", on=SageMakerResponse)
def create_notebook_instance(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    answer = original(self)
    notebook = self.sagemaker_backend.notebook_instances[self._get_param("NotebookInstanceName")]
    given = {member: self._get_param(member) for member in NOTEBOOK_MEMBERS}
    attributes(notebook)["_members"] = {member: value for member, value in given.items() if value}
    return answer


@corrects(
    "sagemaker",
    "DescribeNotebookInstance",
    "answers no platform and metadata settings",
    on=FakeSagemakerNotebookInstance,
    attribute="to_dict",
)
def notebook_to_dict(original: Callable[..., Any], self: Any) -> dict[str, Any]:  # noqa: D103
    return {**original(self), **attributes(self).get("_members", {})}


@adds("sagemaker", "UpdateNotebookInstanceLifecycleConfig", on=SageMakerResponse)
def update_notebook_instance_lifecycle_config(self: Any) -> EmptyResult:  # noqa: D103
    name = self._get_param("NotebookInstanceLifecycleConfigName")
    config = self.sagemaker_backend.notebook_instance_lifecycle_configurations[name]
    config.on_create, config.on_start = self._get_param("OnCreate") or [], self._get_param("OnStart") or []
    config.last_modified_time = utcnow()
    return EmptyResult()


@corrects("sagemaker", "CreateNotebookInstanceLifecycleConfig", "forgets its tags", on=SageMakerResponse)
def create_notebook_instance_lifecycle_config(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    answer = original(self)
    name = self._get_param("NotebookInstanceLifecycleConfigName")
    self.sagemaker_backend.notebook_instance_lifecycle_configurations[name].tags = self._get_param("Tags") or []
    return answer
