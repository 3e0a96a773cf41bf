"""How far a statement reaches: resource patterns and the conditions that limit them."""

from __future__ import annotations

import ipaddress
import re

from policies.framework.globs import is_glob, matches
from policies.iam import catalogue
from policies.iam.catalogue import Action
from policies.iam.document import Condition, Statement

# Keys that say which resource is meant. Tags of the request are not among them: whoever asks chooses those.
_RESOURCE_KEYS = (
    *(
        "aws:resourcetag/",
        "kms:resourcealiases",
        "kms:requestalias",
        "kms:encryptioncontext:",
        "secretsmanager:secretid",
    ),
    *("secretsmanager:resourcetag/", "s3:existingobjecttag/", "s3:dataaccesspointarn", "dynamodb:leadingkeys"),
    *("ecs:cluster", "ecs:service", "ecs:task-definition", "ec2:resourcetag/", "ec2:vpc", "ec2:subnet"),
    *("rds:cluster-tag/", "rds:db-tag/", "ssm:resourcetag/", "sagemaker:resourcetag/", "iam:resourcetag/"),
    *(
        "cloudwatch:namespace",
        "elasticfilesystem:accesspointarn",
        "lambda:functionarn",
        "servicediscovery:namespacearn",
    ),
)
_CALLER_KEYS = frozenset(
    {
        *("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:principalorgid", "aws:principalaccount"),
        *("aws:principalarn", "aws:sourcevpce", "aws:sourcevpc", "aws:principalorgpaths", "kms:calleraccount"),
        *("s3:dataaccesspointaccount", "aws:sourceowner", "elasticfilesystem:accessedviamounttarget"),
    }
)
_GENERATED = ("rds!", "events!", "appflow!")  # names that AWS makes for everyone alike
_SUFFIX = re.compile(r"-\?{6}$")  # the six random characters that Secrets Manager puts behind a name


def speaks_of(statement: Statement, action: str) -> bool:
    """Whether a statement is about an action."""
    if statement.not_actions:
        return not catalogue.covers(statement.not_actions, action)
    return catalogue.covers(statement.actions, action)


def actions(statement: Statement) -> list[Action]:
    """Return the actions that a statement is about; what there is no data on stands for the worst."""
    if statement.not_actions:
        return [action for action in catalogue.expand("*") if speaks_of(statement, str(action))]
    return list(dict.fromkeys(action for pattern in statement.actions for action in catalogue.at_worst(pattern)))


def resources(statement: Statement) -> tuple[str, ...]:
    """Return the patterns of what a statement is about; all but some is taken for all."""
    return statement.resources or ("*",)


def concerns(pattern: str, service: str) -> bool:
    """Whether a pattern of resources may cover some of a service."""
    parts = pattern.split(":", 5)
    return len(parts) < 6 or matches(parts[2], service)


def specific(value: str) -> bool:
    """Whether a condition's value says something: not only wildcards and separators, nor an ARN of anyone's."""
    if value.lower().startswith("arn:"):
        parts = value.split(":", 5)
        account, name = (parts[4], parts[5]) if len(parts) == 6 else ("", "")
        # An account, or a bucket, whose name is unique in the world; elsewhere a name alone may be in any account.
        return bool(re.sub(r"[*?]", "", account)) or (not account and bool(re.sub(r"[*?:/]", "", name)))
    return bool(re.sub(r"[*?:/]", "", value))


def limits_resources(statement: Statement) -> bool:
    """Whether a condition, which cannot be passed by omission, says which resources are meant."""
    return any(
        c.requires_match
        and c.operator not in ("Bool", "IpAddress")
        and c.key.startswith(_RESOURCE_KEYS)
        and all(specific(value) for value in c.values)
        for c in statement.conditions
    )


def limits_callers(statement: Statement) -> bool:
    """Whether a condition says whose requests are meant."""
    return any(c.requires_match and _names_callers(c) for c in statement.conditions)


def shuts_out(statement: Statement) -> bool:
    """Whether a Deny leaves no one but certain callers: a single condition, negated, which an absent key passes."""
    if statement.allow or len(statement.conditions) != 1 or statement.principals.get("AWS") != ("*",):
        return False
    (only,) = statement.conditions
    negated = only.operator in ("StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike", "NotIpAddress")
    return negated and not only.qualifier and _names_callers(only)


def _names_callers(c: Condition) -> bool:
    if c.key == "aws:sourceip":
        return all(_narrow(value) for value in c.values)
    return c.key in _CALLER_KEYS and all(specific(value) for value in c.values)


def _narrow(addresses: str) -> bool:
    """Whether a range is none of the wide ones that S3 takes for public (user guide, "Blocking public access")."""
    try:
        network = ipaddress.ip_network(addresses, strict=False)
    except ValueError:
        return False
    return network.prefixlen >= (8 if network.version == 4 else 32)


def condition(statement: Statement, key: str, *operators: str) -> Condition | None:
    """Return the condition on a key with one of these operators that cannot be passed by omission."""
    return next(
        (c for c in statement.conditions if c.key == key and c.operator in operators and c.requires_match), None
    )


def names_something(pattern: str) -> bool:
    """Whether a pattern's resource part starts with a name, so that it does not cover all of its type.

    ``arn:aws:s3:::bucket/*`` and ``…:secret:project/*`` do; ``*``, ``…:key/*`` and ``…:secret:rds!cluster-*`` do not.
    """
    parts = pattern.split(":", 5)
    if len(parts) < 6 or not specific(parts[5]):
        return False
    resource = _SUFFIX.sub("", parts[5])
    if parts[2] not in ("s3", "sqs", "sns") or resource.startswith("accesspoint/"):
        typed = re.match(r"[A-Za-z0-9-]+[:/]", resource)  # table/x, secret:x, stateMachine:x
        if typed is None and is_glob(resource):
            return False
        resource = resource[typed.end() :] if typed else resource
    literal = re.split(r"[*?]", resource, maxsplit=1)[0].lstrip("/:")
    if not is_glob(resource) or not literal:
        return bool(literal)
    # A name that a separator ends is whole, however short; what a wildcard continues must not be just anything.
    return not literal.startswith(_GENERATED) and ("/" in literal or len(literal) >= 3)


def everything(pattern: str) -> bool:
    """Whether a pattern covers all resources, or all of a service."""
    parts = pattern.split(":", 5)
    return len(parts) < 6 or is_glob(parts[2]) or not specific(parts[5])


def quote(text: str) -> str:
    """Quote a pattern of a document in a message, only when it has the shape of an action, a service or an ARN."""
    if text == "*" or re.fullmatch(r"[A-Za-z0-9-]{2,40}:[A-Za-z0-9*?]{1,80}", text):
        return f"'{text}'"
    if re.fullmatch(r"arn:[A-Za-z0-9*?-]+:[ -~]{1,300}", text) or re.fullmatch(
        r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?", text
    ):
        return f"'{text}'"
    return "a value that is not quoted"


def names(items: list[str], most: int = 5) -> str:
    """Join some names, not all of a long list."""
    rest = len(items) - most
    return ", ".join(items[:most]) + (f" and {rest} more" if rest > 0 else "")
