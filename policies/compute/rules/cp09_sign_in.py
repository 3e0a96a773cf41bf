"""CP09: Cognito asks for strong passwords and a second factor, and lets in no guests."""

from __future__ import annotations

from collections.abc import Iterator

from policies.framework.globs import matches
from policies.framework.reading import flag, text
from policies.framework.resource import PlannedResource
from policies.framework.rule import Level, Option, Rule, Settings, Severity, Violation, nist, well_architected

_POOL, _IDENTITIES = "aws:cognito/userPool:UserPool", "aws:cognito/identityPool:IdentityPool"
_KINDS = ("requireLowercase", "requireUppercase", "requireNumbers", "requireSymbols")


def _check(resource: PlannedResource, settings: Settings) -> Iterator[Violation]:
    if resource.type == _IDENTITIES:
        if flag(resource, "allowUnauthenticatedIdentities"):
            yield Violation(message="allowUnauthenticatedIdentities is on")
        return
    least = settings.number("passwordLength", resource.stack) or 0
    if int(text(resource, "passwordPolicy.minimumLength") or 0) < least:
        yield Violation(message=f"passwordPolicy.minimumLength is less than {least}")
    off = [kind for kind in _KINDS if not flag(resource, f"passwordPolicy.{kind}")]
    if off:
        yield Violation(message=f"passwordPolicy leaves off {', '.join(off)}")
    optional = any(matches(pattern, resource.name) for pattern in settings.strings("optionalMfa", resource.stack))
    if text(resource, "mfaConfiguration") not in (("ON", "OPTIONAL") if optional else ("ON",)):
        yield Violation(message="mfaConfiguration is not ON")


RULE = Rule(
    id="CP09",
    slug="sign-in",
    title="Cognito: strong passwords, a second factor, no guests",
    level=Level.MANDATORY,
    severity=Severity.HIGH,
    description="Passwords leak and are guessed; guests get credentials of the account without saying who they are.",
    remediation=(
        "Set passwordPolicy with length and all four kinds of characters, mfaConfiguration ON (or list the pool in "
        "optionalMfa and set OPTIONAL), and leave allowUnauthenticatedIdentities off."
    ),
    link="https://docs.aws.amazon.com/cognito/latest/developerguide/managing-security.html",
    frameworks=(nist("IA-2(1)"), nist("IA-5(1)"), nist("AC-14"), well_architected("SEC02-BP01")),
    types=(_POOL, _IDENTITIES),
    anchors=("CKV_AWS_366", "AwsSolutions-COG1", "AwsSolutions-COG2", "AwsSolutions-COG7"),
    check=_check,
    options=(
        Option(name="passwordLength", description="The least length of passwords.", default=12),
        Option(
            name="optionalMfa",
            description="Patterns of the logical names of user pools where OPTIONAL is enough.",
        ),
    ),
)
