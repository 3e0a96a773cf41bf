"""One customer key for everything that the platform stores."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from lib.documents.key import key_policy
from lib.iam import Statement, lend_key, via_key
from settings.encryption import EncryptionSettings


@dataclass(frozen=True, kw_only=True)
class EncryptionArgs:
    """The key to make.

    Args:
        deployment: The stack.
        settings: Rotation, or an existing key.
        distributions: Whether CloudFront reads what is under the key.
    """

    deployment: Deployment
    settings: EncryptionSettings
    distributions: bool = False


@dataclass(frozen=True, kw_only=True)
class KeyReference:
    """How policy documents name the key before it exists: by alias, or by ARN where it is there already."""

    deployment: Deployment
    alias: str
    existing_arn: str | None

    def use(self, sid: str, *services: str, write: bool = False) -> Statement:
        """A statement that lets a role use the key through `services`, to read or also to write."""
        return via_key(self.deployment.target, self.alias, self.existing_arn, services, sid, write=write)

    def lend(self, sid: str) -> list[Statement]:
        """Statements that let a role have AWS services use the key on its behalf, as for snapshots."""
        return lend_key(self.deployment.target, self.alias, self.existing_arn, sid)


class Encryption(Component):
    """A KMS key with rotation and an alias, or an existing key that is looked up."""

    key_arn: pulumi.Output[str]
    """ARN of the key."""
    reference: KeyReference
    """The key as policy documents name it."""

    def __init__(self, name: str, args: EncryptionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "encryption", args.deployment, opts)
        settings, names = args.settings, args.deployment.names
        self.reference = KeyReference(deployment=args.deployment, alias=names.of("key"), existing_arn=settings.key_arn)
        if settings.key_arn is not None:
            found = aws.kms.get_key_output(key_id=settings.key_arn, opts=pulumi.InvokeOutputOptions(parent=self))
            self.key_arn = found.apply(_usable)
        else:
            key = aws.kms.Key(
                name,
                description=f"Data of {names.prefix}",
                enable_key_rotation=True,
                rotation_period_in_days=settings.rotation_period_days,
                deletion_window_in_days=settings.deletion_window_days,
                policy=key_policy(args.deployment.target, distributions=args.distributions),
                tags=self.merged_tags(names.of("key")),
                opts=self._stateful(),
            )
            alias = aws.kms.Alias(
                f"{name}-alias", name=f"alias/{names.of('key')}", target_key_id=key.id, opts=self._child
            )
            # Roles may use the key by its alias only, so nothing may start before the alias is there.
            self.key_arn = pulumi.Output.all(key.arn, alias.id).apply(lambda values: str(values[0]))
        self.register_outputs({"key_arn": self.key_arn})


def _usable(key: aws.kms.GetKeyResult) -> str:
    if key.key_state != "Enabled" or key.key_usage != "ENCRYPT_DECRYPT":
        raise pulumi.RunError(
            f"mlplatform:encryption.keyArn = {key.arn}: is {key.key_state} for {key.key_usage}; "
            "name an enabled symmetric encryption key, or remove the setting to have one created"
        )
    return key.arn
