"""Writes `terraform_types.json`: Terraform's names for the resource types and properties of pulumi-aws.

The provider itself holds both names of everything. Run it with the provider's program, which `pulumi plugin install
resource aws` puts below `~/.pulumi/plugins`::

    .venv/bin/python -m peers.refresh_terraform_types ~/.pulumi/plugins/resource-aws-v*/pulumi-resource-aws

Kept is what cannot be derived from a name: a property is left out where its Terraform name is its own in snake case and
its value is the same in both.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import grpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from peers.terraform_plan import TYPES, snake_case

MODULES = frozenset(
    {
        *("apigateway", "apigatewayv2", "appautoscaling", "autoscaling", "backup", "batch", "budgets", "cloudfront"),
        *("cloudtrail", "cloudwatch", "codebuild", "cognito", "docdb", "dynamodb", "ec2", "ecr", "ecs", "efs"),
        *("elasticsearch", "iam", "kms", "lambda", "lb", "neptune", "opensearch", "rds", "s3", "sagemaker"),
        *("scheduler", "secretsmanager", "servicediscovery", "sfn", "sns", "sqs", "ssm", "vpc", "wafv2"),
    }
)
"""Modules of pulumi-aws whose types are kept."""

LIMIT = 256 * 1024 * 1024
"""Of the provider's answer: all its schemas are in one message."""

Tree = Mapping[str, Any]


LIST = 5
"""How the bridge's account of Terraform's schema marks lists and sets."""

DEPTH = 5
"""How deep objects are kept: the statements of a firewall's rules nest into each other without end."""


def mapping(provider: str) -> Tree:
    """What the provider answers when asked how it maps Terraform."""
    with subprocess.Popen([provider, "127.0.0.1:0"], stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout
            address = f"127.0.0.1:{running.stdout.readline().strip()}"
            with grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", LIMIT)]) as channel:
                stub = cast("Any", provider_pb2_grpc.ResourceProviderStub(channel))
                request = provider_pb2.GetMappingRequest(key="terraform", provider="aws")
                return json.loads(stub.GetMapping(request).data)
        finally:
            running.terminate()


def shape(schema: Tree, names: Tree, depth: int = 1) -> dict[str, Any]:
    """An object: its properties by their Pulumi name, and what a plan has where the program gives nothing."""
    optional = {name: field for name, field in schema.items() if not field.get("computed")}
    objects = {name for name, field in optional.items() if "resource" in field.get("element", {})}
    # What stands in a list of objects is filled up by the provider, the lists in it too.
    lists = {name for name, field in optional.items() if field["type"] == LIST and depth > 1}
    return {
        "fields": properties(schema, names, depth),
        "null": sorted(optional.keys() - objects - lists),
        "empty": sorted(objects | lists),
    }


def properties(schema: Tree, names: Tree, depth: int) -> dict[str, Any]:
    """Properties of one object, by their Pulumi name: Terraform's name and how the value differs."""
    found: dict[str, Any] = {}
    for terraform, field in sorted(schema.items()):
        named: Tree = names.get(terraform, {})
        pulumi: str = named.get("name", _camel_case(terraform))
        entry: dict[str, Any] = {}
        if snake_case(pulumi) != terraform:
            entry["name"] = terraform
        element: Tree = field.get("element", {})
        if "schema" in element and element["schema"].get("element", {}).get("resource"):
            element = element["schema"]["element"]  # a list of objects that Terraform has as attributes, not as blocks
        if "resource" in element:
            below = named.get("element", {}).get("fields", {})
            entry |= shape(element["resource"], below, depth + 1) if depth < DEPTH else {"fields": {}}
        if field["type"] == LIST and named.get("maxItemsOne", field.get("maxItems") == 1):
            entry["list"] = "of one"
        if entry:
            found[pulumi] = entry
    return found


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def types(found: Tree) -> dict[str, Any]:
    """The types of the modules in use, by their Pulumi token."""
    schemas: Tree = found["provider"]["resources"]
    return {
        info["tok"]: {"name": terraform, **shape(schemas[terraform], info.get("fields", {}))}
        for terraform, info in sorted(found["resources"].items(), key=lambda item: item[1]["tok"])
        if info["tok"].split(":")[1].split("/")[0] in MODULES
    }


def main() -> None:
    """Ask the provider and write the file."""
    found = mapping(sys.argv[1])
    content = {"source": f"pulumi-resource-aws {found['version']}", "types": types(found)}
    Path(TYPES).write_text(_lines(content))


def _lines(content: Tree) -> str:
    """One line for each type, so that a refresh can be read as a difference."""
    lines = [f"  {json.dumps(token)}: {json.dumps(entry, sort_keys=True)}" for token, entry in content["types"].items()]
    return f'{{\n "source": {json.dumps(content["source"])},\n "types": {{\n' + ",\n".join(lines) + "\n }\n}\n"


if __name__ == "__main__":
    main()
