"""Amazon EC2 and VPC."""

import uuid
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.models.subnets import Subnet
from moto.ec2.responses import EC2Response
from moto.ec2.responses.launch_templates import LaunchTemplates

from emulator.registry import Refusal, adds, attributes, corrects, records

PREFIX_LIST = 7
"""The position of the prefix list among the arguments of moto's security-group rule."""


@corrects(
    "ec2", "CreateLaunchTemplate", "keeps the template's own tags in its data, a difference forever", on=LaunchTemplates
)
def create_launch_template(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    answer = original(self)
    template = self.ec2_backend.get_launch_template(answer.result["LaunchTemplate"]["LaunchTemplateId"])
    data = template.default_version().data
    if specifications := data.get("TagSpecifications"):
        data["TagSpecifications"] = [spec for spec in specifications if spec["ResourceType"] != "launch-template"]
    return answer


@corrects(
    "ec2",
    "DescribeSubnets",
    "cannot filter by IPv6 association, as the provider does after associating",
    on=Subnet,
    attribute="get_filter_value",
)
def subnet_filter_value(  # noqa: D103
    original: Callable[..., Any], self: Any, filter_name: str, method_name: str | None = None
) -> Any:
    member = {
        "ipv6-cidr-block-association.association-id": "associationId",
        "ipv6-cidr-block-association.ipv6-cidr-block": "ipv6CidrBlock",
    }.get(filter_name)
    if member is None:
        return original(self, filter_name, method_name)
    return [association[member] for association in self.ipv6_cidr_block_associations.values()]


@corrects(
    "ec2",
    "CreateSubnet",
    "answers a structure as the state of an IPv6 block, for which the provider waits",
    on=Subnet,
    attribute="ipv6_cidr_block_association_set",
)
@property
def ipv6_cidr_block_association_set(self: Any) -> list[dict[str, Any]]:  # noqa: D103
    return [
        {**association, "ipv6CidrBlockState": {"state": association["ipv6CidrBlockState"]["State"]}}
        for association in self.ipv6_cidr_block_associations.values()
        if association["ipv6CidrBlockState"]["State"] == "associated"
    ]


@corrects("ec2", "DeleteVpc", "leaves the network ACL that came with the VPC", on=EC2Backend)
def delete_vpc(original: Callable[..., Any], self: Any, vpc_id: str) -> Any:  # noqa: D103
    answer = original(self, vpc_id)
    for acl in [acl for acl in self.network_acls.values() if acl.vpc_id == vpc_id]:
        del self.network_acls[acl.id]
    return answer


@corrects(
    "ec2",
    "AuthorizeSecurityGroupIngress",
    "drops the description of a rule for a prefix list",
    on=SecurityGroupRule,
    attribute="__init__",
)
def security_group_rule(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: D103
    original(self, *args, **kwargs)
    prefix_list = kwargs.get("prefix_list_id") or (args[PREFIX_LIST] if len(args) > PREFIX_LIST else None)
    if prefix_list and "Description" in prefix_list:
        attributes(self)["_prefix_list_description"] = prefix_list["Description"]


@corrects(
    "ec2",
    "DescribeSecurityGroupRules",
    "answers no description of a rule for a group or a prefix list, a difference at the first refresh",
    on=SecurityGroupRule,
    attribute="description",
)
@property
def rule_description(self: Any) -> str | None:  # noqa: D103
    # A modification is kept in ip_range whatever the rule is for, so that one is the newest.
    prefix_list = attributes(self).get("_prefix_list_description")
    return self.ip_range.get("Description") or self.source_group.get("Description") or prefix_list


@corrects("ec2", "DeleteNatGateway", "leaves the gateway's network interface behind", on=EC2Backend)
def delete_nat_gateway(original: Callable[..., Any], self: Any, nat_gateway_id: str) -> Any:  # noqa: D103
    gateway = original(self, nat_gateway_id)
    self.enis.pop(gateway._eni.id, None)
    return gateway


@adds("ec2", "CreatePlacementGroup", on=EC2Response)
def create_placement_group(self: Any) -> ActionResult:  # noqa: D103
    name, id_ = self._get_param("GroupName"), f"pg-{uuid.uuid4().hex[:17]}"
    if name in records(self.ec2_backend, "placement-groups"):
        raise Refusal("InvalidPlacementGroup.Duplicate", f"The Placement Group '{name}' already exists.")
    records(self.ec2_backend, "placement-groups")[name] = {
        "GroupName": name,
        "GroupId": id_,
        "GroupArn": f"arn:aws:ec2:{self.region}:{self.current_account}:placement-group/{name}",
        "State": "available",
        "Strategy": self._get_param("Strategy", "cluster"),
    }
    self.ec2_backend.create_tags([id_], self._parse_tag_specification("placement-group").get("placement-group", {}))
    return ActionResult({"PlacementGroup": _placement_group(self, name)})


@adds("ec2", "DescribePlacementGroups", on=EC2Response)
def describe_placement_groups(self: Any) -> ActionResult:  # noqa: D103
    known, ids = records(self.ec2_backend, "placement-groups"), self._get_param("GroupIds", [])
    names = self._get_param("GroupNames", []) or [name for name in known if not ids or known[name]["GroupId"] in ids]
    return ActionResult({"PlacementGroups": [_placement_group(self, name) for name in names]})


@adds("ec2", "DeletePlacementGroup", on=EC2Response)
def delete_placement_group(self: Any) -> EmptyResult:  # noqa: D103
    name = self._get_param("GroupName")
    _placement_group(self, name)
    del records(self.ec2_backend, "placement-groups")[name]
    return EmptyResult()


def _placement_group(self: Any, name: str) -> dict[str, Any]:
    known = records(self.ec2_backend, "placement-groups")
    if name not in known:
        raise Refusal("InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown.")
    tags = self.ec2_backend.describe_tags(filters={"resource-id": [known[name]["GroupId"]]})
    return {**known[name], "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in tags]}
