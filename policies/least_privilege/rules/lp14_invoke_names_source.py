"""LP14: a grant to invoke a function names on whose behalf a service may use it."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.globs import is_glob
from policies.framework.reading import present, text
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Rule, Settings, Severity, Violation, nist, well_architected
from policies.iam.scope import specific

_BUCKETS = "s3.amazonaws.com"
# Services that invoke for an account, and send no resource: the user guides of AWS Config rules and of rotation.
_BY_ACCOUNT = ("config.amazonaws.com", "secretsmanager.amazonaws.com")
# Skills of Alexa have no ARN; a token of the skill stands for it.
_BY_TOKEN = ("alexa-appkit.amazon.com", "alexa-connectedhome.amazon.com")


def _check(resource: PlannedResource, _settings: Settings) -> Iterator[Violation]:
    principal = text(resource, "principal")
    if is_glob(principal):
        yield Violation(message="everyone may invoke the function: principal is a wildcard")
    elif principal in _BY_TOKEN:
        if not present(resource, "eventSourceToken"):
            yield Violation(message="any skill of Alexa may invoke the function: no eventSourceToken")
    elif principal.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        yield from _service(resource, principal)


def _service(resource: PlannedResource, principal: str) -> Iterator[Violation]:
    if principal in _BY_ACCOUNT and present(resource, "sourceAccount"):
        return
    arn = resource.raw("sourceArn")
    if not present(resource, "sourceArn"):
        yield Violation(message="the service may invoke the function on anyone's behalf: no sourceArn")
    elif isinstance(arn, str) and not specific(arn):
        yield Violation(message="sourceArn names no account and no resource, so anyone's will do")
    elif principal == _BUCKETS and not present(resource, "sourceAccount"):
        yield Violation(
            message="no sourceAccount: a bucket's ARN names no account, and a deleted bucket's name is free for anyone"
        )


RULE = Rule(
    id="LP14",
    slug="invoke-names-source",
    title="A service that invokes a function names its source",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description=(
        "A permission to invoke a function that a service gets has a sourceArn (and for S3 a sourceAccount), one for "
        "Alexa an event source token; nobody gets one for everyone."
    ),
    remediation=(
        "Set source_arn to the rule, API or bucket that invokes the function, and with S3 source_account to this "
        "account; for other callers name the account or role as principal."
    ),
    link="https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-services.html",
    frameworks=(
        nist("AC-3"),
        well_architected("SEC03-BP09"),
    ),
    types=("aws:lambda/permission:Permission",),
    anchors=("CKV_AWS_364", "CKV_AWS_301", "AWS-0067", "F13"),
    check=_check,
)
