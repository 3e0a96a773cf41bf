"""The user pool: created, or an existing one that is looked up; and the directory that it federates to."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.identity import existing, federation
from lib.identity import login_host, login_prefix, reserved_words
from settings.identity import ExistingPool, IdentitySettings, UserPoolTier

OWN_USERS = "COGNITO"
"""Name by which clients offer the users that the pool keeps itself."""

GROUPS = {"admin": (1, "Administrators of the platform"), "user": (10, "Users of the platform")}
"""Precedence and description of the groups; of a member of both the smaller number counts."""

TEMPORARY_PASSWORD_DAYS = 3
CLASSIC_LOGIN = 1
"""The hosted pages of every plan; version 2 would ask for a style resource for each client (docs/adr/0009)."""


@dataclass(frozen=True, kw_only=True)
class UserPoolArgs:
    """The pool to make or to use.

    Args:
        deployment: The stack.
        settings: Which pool, its rules and its directory.
        web_acl_arn: Firewall in front of the login pages of a created pool.
    """

    deployment: Deployment
    settings: IdentitySettings
    web_acl_arn: pulumi.Input[str] | None = None


class UserPool(Component):
    """A Cognito user pool with groups, login pages and, by choice, a directory."""

    user_pool_id: pulumi.Output[str]
    """Id of the pool (`CognitoUserPoolId`)."""
    issuer: pulumi.Output[str]
    """Issuer of its tokens."""
    login_url: pulumi.Output[str]
    """Address of its login pages and token endpoint, without a slash at its end."""
    provider_names: list[pulumi.Output[str]]
    """Names by which clients offer logins: the directory's, and `COGNITO` for users of the pool itself."""
    clients: Mapping[str, pulumi.Output[str]] | None
    """Ids of an existing pool's clients by key of the settings; None where the pool is created."""

    def __init__(self, name: str, args: UserPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "identity", args.deployment, opts)
        target, given = args.deployment.target, args.settings.existing
        host = self._existing(name, given) if given is not None else self._created(name, args)
        self.issuer = pulumi.Output.concat(
            "https://cognito-idp.", target.region, ".", target.dns_suffix, "/", self.user_pool_id
        )
        self.login_url = pulumi.Output.concat("https://", host)
        directory = federation.directory(args.settings)
        self.provider_names = [pulumi.Output.from_input(OWN_USERS)]
        if directory is not None:
            provider = federation.federate(self, f"{name}-directory", self.user_pool_id, directory)
            self.provider_names.insert(0, provider.provider_name)
        self.register_outputs({"user_pool_id": self.user_pool_id, "login_url": self.login_url})

    def _existing(self, name: str, given: ExistingPool) -> pulumi.Output[str]:
        found, host = existing.checked(
            self, self._deployment.target, given, existing.ids(self, f"{name}-existing", given)
        )
        self.user_pool_id = found.pop("cognito_user_pool_id")
        self.clients = found
        return host

    def _created(self, name: str, args: UserPoolArgs) -> pulumi.Output[str]:
        pool = self._pool(name, args.settings)
        self.user_pool_id, self.clients = pool.id, None
        for group, (precedence, description) in GROUPS.items():
            aws.cognito.UserGroup(
                f"{name}-{group}",
                name=group,
                description=description,
                precedence=precedence,
                user_pool_id=pool.id,
                opts=self._child,
            )
        domain = aws.cognito.UserPoolDomain(
            name,
            domain=self._prefix(args.settings),
            user_pool_id=pool.id,
            managed_login_version=CLASSIC_LOGIN,
            opts=self._child,
        )
        if args.web_acl_arn is not None:
            aws.wafv2.WebAclAssociation(name, resource_arn=pool.arn, web_acl_arn=args.web_acl_arn, opts=self._child)
        target = args.deployment.target
        return domain.domain.apply(lambda prefix: login_host(target, prefix))

    def _prefix(self, settings: IdentitySettings) -> str:
        if settings.domain_prefix is not None:
            return settings.domain_prefix
        names, target = self._deployment.names, self._deployment.target
        prefix = login_prefix(names.project, names.stack, target.account_id)
        if words := reserved_words(prefix):
            raise pulumi.RunError(
                f"mlplatform:identity.domainPrefix: would be {prefix}, but Cognito takes no prefix with "
                f"{' or '.join(words)} in it; set another"
            )
        return prefix

    def _pool(self, name: str, settings: IdentitySettings) -> aws.cognito.UserPool:
        pool_name = self._deployment.names.of("users", limit=128)
        threats = settings.user_pool_tier is UserPoolTier.PLUS
        return aws.cognito.UserPool(
            name,
            name=pool_name,
            user_pool_tier=settings.user_pool_tier.value,
            username_attributes=["email"],
            username_configuration={"case_sensitive": False},
            auto_verified_attributes=["email"],
            account_recovery_setting={"recovery_mechanisms": [{"name": "verified_email", "priority": 1}]},
            admin_create_user_config={"allow_admin_create_user_only": not settings.self_sign_up},
            password_policy={
                "minimum_length": settings.password_minimum_length,
                "require_lowercase": True,
                "require_uppercase": True,
                "require_numbers": True,
                "require_symbols": True,
                "temporary_password_validity_days": TEMPORARY_PASSWORD_DAYS,
            },
            mfa_configuration=settings.mfa.value,
            software_token_mfa_configuration={"enabled": True},
            user_pool_add_ons={"advanced_security_mode": "ENFORCED"} if threats else None,
            deletion_protection="ACTIVE" if self.protection.deletion_protection else "INACTIVE",
            tags=self.merged_tags(pool_name),
            opts=self._stateful(),
        )
