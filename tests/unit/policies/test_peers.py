"""What other tools are shown of planned resources: the view as a Terraform plan, and the documents of roles."""

import json
from typing import Any

import pytest

from peers.accepted import accepted
from peers.identities import documents
from peers.terraform_plan import view
from policies.framework.runner import UNKNOWN, PlannedResource
from tests.unit.policies.harness import BUCKET, KEY, ROLE, ROLE_POLICY, allow, document, planned, urn

ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
GROUP, SERVICE = "aws:ec2/securityGroup:SecurityGroup", "aws:ecs/service:Service"
TASK, VPC, FLOW_LOG = "aws:ecs/taskDefinition:TaskDefinition", "aws:ec2/vpc:Vpc", "aws:ec2/flowLog:FlowLog"
POLICY, ATTACHMENT = "aws:iam/policy:Policy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


def shown(*resources: PlannedResource) -> dict[str, Any]:
    """Values of the last resource as planned, without what nobody gave."""
    last = view(resources, defaults=False).plan["planned_values"]["root_module"]["resources"][-1]
    return {name: value for name, value in last["values"].items() if value not in (None, [])}


def configured(*resources: PlannedResource) -> dict[str, Any]:
    """Expressions of the last resource."""
    return view(resources).plan["configuration"]["root_module"]["resources"][-1]["expressions"]


SHOWN: dict[str, tuple[PlannedResource, dict[str, Any]]] = {
    "names are in snake case": (
        planned(ROLE, assumeRolePolicy="{}", permissionsBoundary="arn"),
        {"assume_role_policy": "{}", "permissions_boundary": "arn"},
    ),
    "a list of objects is blocks under a singular name": (
        planned(ROLE, inlinePolicies=[{"name": "a", "policy": "{}"}]),
        {"inline_policy": [{"name": "a", "policy": "{}"}]},
    ),
    "an object is a block, and so is one within": (
        planned(
            ENCRYPTION,
            rules=[{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}, "bucketKeyEnabled": 1}],
        ),
        {
            "rule": [
                {
                    "apply_server_side_encryption_by_default": [{"sse_algorithm": "AES256", "kms_master_key_id": None}],
                    "bucket_key_enabled": 1,
                }
            ]
        },
    ),
    "keys of a map stay": (planned(BUCKET, tags={"costCentre": "a"}), {"tags": {"costCentre": "a"}}),
    "a document stays a text": (planned(KEY, policy='{"aB": 1}'), {"policy": '{"aB": 1}'}),
    "attributes that Terraform writes like blocks": (
        planned(GROUP, ingress=[{"cidrBlocks": ["0.0.0.0/0"], "fromPort": 22, "ipv6CidrBlocks": ["::/0"]}]),
        {
            "ingress": [
                {
                    **dict.fromkeys(["description", "protocol", "self", "to_port"]),
                    **{"prefix_list_ids": [], "security_groups": []},
                    "cidr_blocks": ["0.0.0.0/0"],
                    "from_port": 22,
                    "ipv6_cidr_blocks": ["::/0"],
                }
            ]
        },
    ),
    "irregular plurals": (
        planned(SERVICE, capacityProviderStrategies=[{"capacityProvider": "FARGATE"}]),
        {"capacity_provider_strategy": [{"capacity_provider": "FARGATE", "base": None, "weight": None}]},
    ),
    "a list of texts stays a list": (
        planned(TASK, requiresCompatibilities=["FARGATE"]),
        {"requires_compatibilities": ["FARGATE"]},
    ),
    "an unknown value is absent": (planned(BUCKET, bucket=UNKNOWN, forceDestroy=False), {"force_destroy": False}),
    "an unknown item is null": (planned(GROUP, tags={"a": UNKNOWN}, vpcId="v"), {"tags": {}, "vpc_id": "v"}),
    "an address is in a VPC even if nobody says so": (planned("aws:ec2/eip:Eip"), {"domain": "vpc"}),
}


@pytest.mark.parametrize("case", SHOWN)
def test_a_resource_is_shown_as_terraform_would(case: str) -> None:
    resource, expected = SHOWN[case]
    assert shown(resource) == expected


def test_what_nobody_gave_is_null_and_absent_blocks_are_empty() -> None:
    values = view([planned(BUCKET)], defaults=False).plan["planned_values"]["root_module"]["resources"][0]["values"]
    assert values["force_destroy"] is None
    assert values["logging"] == []
    assert "arn" not in values, "the provider computes it"


def test_a_default_is_shown_where_the_program_says_nothing() -> None:
    def change(**props: Any) -> dict[str, Any]:
        return view([planned(BUCKET, **props)]).plan["resource_changes"][0]["change"]

    assert change()["after"]["force_destroy"] is False
    assert change(forceDestroy=True)["after"]["force_destroy"] is True
    assert "logging" not in change()["after"]
    assert change()["after_unknown"]["logging"] is True
    assert change(logging={"targetBucket": "a"})["after"]["logging"][0]["target_bucket"] == "a"


def test_what_is_unknown_is_said_where_it_is() -> None:
    resource = planned(
        ENCRYPTION, bucket=UNKNOWN, rules=[{"applyServerSideEncryptionByDefault": {"kmsMasterKeyId": UNKNOWN}}]
    )
    change = view([resource]).plan["resource_changes"][0]["change"]
    assert change["after_unknown"] == {
        "bucket": True,
        "rule": [{"apply_server_side_encryption_by_default": [{"kms_master_key_id": True}]}],
    }


def test_references_stand_where_a_value_comes_from_another_resource() -> None:
    key, bucket = planned(KEY, "k"), planned(BUCKET, "b", bucket="known")
    encryption = planned(
        ENCRYPTION,
        bucket="known",
        rules=[{"applyServerSideEncryptionByDefault": {"kmsMasterKeyId": UNKNOWN, "sseAlgorithm": "aws:kms"}}],
        deps={"bucket": [bucket.urn], "rules": [key.urn]},
    )
    found = configured(key, bucket, encryption)
    assert found["bucket"] == {"references": ["aws_s3_bucket.b.id", "aws_s3_bucket.b"]}
    default = found["rule"][0]["apply_server_side_encryption_by_default"][0]
    assert default["kms_master_key_id"] == {"references": ["aws_kms_key.k.id", "aws_kms_key.k"]}
    assert default["sse_algorithm"] == {"constant_value": "aws:kms"}


def test_of_several_sources_the_one_that_the_property_names_comes_first() -> None:
    role, policy = planned(ROLE, "r"), planned(ROLE_POLICY, "p")
    task = planned(TASK, taskRoleArn=UNKNOWN, deps={"taskRoleArn": [policy.urn, role.urn]})
    assert configured(role, policy, task)["task_role_arn"]["references"][:2] == ["aws_iam_role.r.arn", "aws_iam_role.r"]


def test_an_output_of_a_component_refers_to_what_is_inside_it() -> None:
    component = urn("awsx:ec2:Vpc", "net")
    inside = PlannedResource(urn=urn(VPC, "net"), type=VPC, name="net", parent=component)
    flow_log = planned(FLOW_LOG, vpcId=UNKNOWN, deps={"vpcId": [component]})
    assert configured(inside, flow_log)["vpc_id"]["references"][0] == "aws_vpc.net.id"


def test_place_in_a_component_tells_references_that_nothing_else_does() -> None:
    network = planned(VPC, "net")
    subnet_type, eip, nat = "aws:ec2/subnet:Subnet", "aws:ec2/eip:Eip", "aws:ec2/natGateway:NatGateway"
    subnet = PlannedResource(urn=urn(subnet_type, "s"), type=subnet_type, name="s", parent=network.urn)
    address = PlannedResource(urn=urn(eip, "e"), type=eip, name="e", parent=subnet.urn)
    gateway = PlannedResource(urn=urn(nat, "n"), type=nat, name="n", parent=subnet.urn)
    assert configured(network, subnet)["vpc_id"]["references"][1] == "aws_vpc.net"
    found = configured(network, subnet, address, gateway)
    assert found["subnet_id"]["references"][1] == "aws_subnet.s"
    assert found["allocation_id"]["references"][1] == "aws_eip.e"


def test_addresses_are_valid_and_unique() -> None:
    one = planned(BUCKET, "a.b")
    other = PlannedResource(urn=f"{one.urn}-elsewhere", type=BUCKET, name="a.b")
    assert list(view([one, other]).resources) == ["aws_s3_bucket.a_b", "aws_s3_bucket.a_b_2"]


def test_the_plan_is_json_and_holds_resources_of_aws_alone() -> None:
    found = view([planned("random:index/randomPassword:RandomPassword"), planned(BUCKET, bucket=UNKNOWN)])
    assert json.loads(json.dumps(found.plan)) == found.plan
    assert list(found.resources) == ["aws_s3_bucket.it"]


def test_a_type_without_names_is_an_error() -> None:
    with pytest.raises(LookupError, match="aws:made/up:Up"):
        view([planned("aws:made/up:Up")])


def test_documents_are_what_roles_are_granted_and_their_union() -> None:
    one, other = document(allow("s3:GetObject")), document(allow("s3:PutObject"))
    role = planned(ROLE, "r", name="r", permissionsBoundary="arn", inlinePolicies=[{"name": "i", "policy": one}])
    managed = planned(POLICY, "m", policy=other)
    attached = planned(ATTACHMENT, role="r", policyArn=UNKNOWN, deps={"policyArn": [managed.urn]})
    boundary = planned(POLICY, "boundary", policy=document(allow("*", "*")))
    found = documents([role, managed, attached, boundary, planned(ROLE_POLICY, "p", role="r", policy=other)])
    assert set(found) == {"r/i", "m", "p", "r/union"}
    assert [s["Action"] for s in json.loads(found["r/union"])["Statement"]] == [
        "s3:GetObject",
        "s3:PutObject",
        "s3:PutObject",
    ]


def test_a_document_that_nobody_can_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown at preview"):
        documents([planned(ROLE, "r", name="r"), planned(ROLE_POLICY, role="r", policy=UNKNOWN)])


def test_every_record_of_what_stays_says_why_and_where() -> None:
    for record in accepted():
        assert len(record.reason) > 20
        assert record.stacks
        assert record.tool in ("checkov", "parliament", "cloudsplaining")
