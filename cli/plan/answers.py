"""What the offline plan answers to lookups. One that is not listed is an error: none is answered by chance."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pulumi.runtime import rpc

from settings.identity import OUTPUTS

PLACEHOLDER_ACCOUNT = "123456789012"
"""Stands for the account where the stack's configuration does not list one; the number AWS's own examples use."""

PARTITIONS = {"us-gov-": ("aws-us-gov", "amazonaws.com"), "cn-": ("aws-cn", "amazonaws.com.cn")}

Answer = Callable[[Mapping[str, Any]], dict[str, Any]]


def answers(config: Mapping[str, str]) -> dict[str, Answer]:
    """Answers by token, for a stack's configuration."""
    region = config.get("aws:region", "us-east-1")
    accounts = json.loads(config.get("aws:allowedAccountIds", "[]")) or [PLACEHOLDER_ACCOUNT]
    found = next((value for prefix, value in PARTITIONS.items() if region.startswith(prefix)), None)
    partition, suffix = found or ("aws", "amazonaws.com")
    caller = {
        "accountId": accounts[0],
        "arn": f"arn:{partition}:iam::{accounts[0]}:root",
        "userId": "plan",
        "id": "plan",
    }
    zones = [f"{region}{letter}" for letter in "abc"]
    return {
        "aws:index/getCallerIdentity:getCallerIdentity": lambda _: caller,
        "aws:index/getRegion:getRegion": lambda _: {"region": region, "name": region, "id": region, "description": ""},
        "aws:index/getPartition:getPartition": lambda _: {
            "partition": partition,
            "dnsSuffix": suffix,
            "reverseDnsPrefix": "com.amazonaws",
            "id": partition,
        },
        "aws:index/getAvailabilityZones:getAvailabilityZones": lambda _: {
            "names": zones,
            "zoneIds": zones,
            "groupNames": [region],
            "id": region,
            "region": region,
        },
        "aws:kms/getKey:getKey": lambda args: {
            "arn": args["keyId"],
            "keyId": args["keyId"],
            "id": args["keyId"],
            "keyState": "Enabled",
            "keyUsage": "ENCRYPT_DECRYPT",
        },
        "aws:route53/getZone:getZone": lambda args: {
            "zoneId": args["zoneId"],
            "id": args["zoneId"],
            "name": json.loads(config.get("mlplatform:domain", "{}")).get("name"),
            "privateZone": False,
        },
        # The jobs' log group is taken for not there yet.
        "aws:cloudwatch/getLogGroups:getLogGroups": lambda args: {
            "id": region,
            "region": region,
            "arns": [],
            "logGroupNames": [],
            "logGroupNamePrefix": args["logGroupNamePrefix"],
        },
        **_user_pools(region, config),
        "aws:ec2/getVpc:getVpc": lambda args: {"id": args["id"], "arn": ""},
        "aws:ec2/getSubnet:getSubnet": _subnets(zones, config),
    }


def reads(config: Mapping[str, str]) -> dict[str, Answer]:
    """What the offline plan takes existing resources for, by type; the answer is given the resource's id."""
    domain = json.loads(config.get("mlplatform:domain", "{}")).get("name")
    return {
        "aws:acm/certificate:Certificate": lambda given: {
            "arn": given["id"],
            "domainName": f"*.{domain}",
            "subjectAlternativeNames": [f"*.{domain}"],
            "status": "ISSUED",
        },
        # What another stack gives is as unknown here as what a resource computes.
        "pulumi:pulumi:StackReference": lambda given: {
            "name": given["id"],
            "outputs": rpc.UNKNOWN,
            "secretOutputNames": [],
        },
    }


def _user_pools(region: str, config: Mapping[str, str]) -> dict[str, Answer]:
    """The configured user pool with its clients; of one that CloudFormation exports, the exports' names are the ids."""
    existing: dict[str, Any] = json.loads(config.get("mlplatform:identity", "{}")).get("existing") or {}
    prefix = str(existing.get("cloudFormationExportPrefix", ""))
    clients = [existing.get(name[0].lower() + name[1:], prefix + name) for name in OUTPUTS.values()]
    return {
        "aws:cloudformation/getExport:getExport": lambda args: {
            "name": args["name"],
            "id": args["name"],
            "exportingStackId": "",
            "value": f"{region}_plan" if args["name"].endswith(OUTPUTS["cognito_user_pool_id"]) else args["name"],
        },
        "aws:cognito/getUserPool:getUserPool": lambda args: {
            "id": args["userPoolId"],
            "userPoolId": args["userPoolId"],
            "domain": "existing",
        },
        "aws:cognito/getUserPoolClients:getUserPoolClients": lambda args: {
            "id": args["userPoolId"],
            "userPoolId": args["userPoolId"],
            "clientIds": clients,
        },
    }


def _subnets(zones: list[str], config: Mapping[str, str]) -> Answer:
    """Subnets of the configured VPC, spread over two zones in the order in which they are asked for."""
    network = json.loads(config.get("mlplatform:network", "{}"))
    vpc_id = network.get("existingVpc", {}).get("vpcId")
    seen: list[str] = []

    def answer(args: Mapping[str, Any]) -> dict[str, Any]:
        if args["id"] not in seen:
            seen.append(args["id"])
        return {"id": args["id"], "availabilityZone": zones[seen.index(args["id"]) % 2], "vpcId": vpc_id}

    return answer
