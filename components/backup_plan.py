"""AWS Backup for database and tables."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.encryption import Encryption
from components.roles import Role, RoleArgs
from lib.documents.backup import backup_policy
from lib.iam import service_trust
from settings.backup import BackupSettings
from settings.iam import IamSettings

NAME_LIMIT = 50
"""Characters of the names of vaults, plans and selections (AWS Backup API reference)."""


@dataclass(frozen=True, kw_only=True)
class BackupPlanArgs:
    """The plan to make.

    Args:
        deployment: The stack.
        settings: Schedule and retention.
        iam: How its role is named.
        encryption: Key of the vault, and of what is backed up.
        resources: ARNs of what is backed up once it exists, by the same ARNs as they are known at preview: tables, and
            databases of RDS.
    """

    deployment: Deployment
    settings: BackupSettings
    iam: IamSettings
    encryption: Encryption
    resources: Mapping[str, pulumi.Input[str]]


class BackupPlan(Component):
    """A vault under the platform's key, a plan, and the role by which AWS Backup makes backups, but restores none."""

    vault_name: pulumi.Output[str]
    """Name of the vault."""

    def __init__(self, name: str, args: BackupPlanArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "backup", args.deployment, opts)
        deployment, settings, key = args.deployment, args.settings, args.encryption.reference
        physical = deployment.names.of("backup", limit=NAME_LIMIT)
        vault = aws.backup.Vault(
            name,
            name=physical,
            kms_key_arn=args.encryption.key_arn,
            force_destroy=deployment.protection.force_destroy,
            tags=self.merged_tags(physical),
            opts=self._stateful(),
        )
        plan = aws.backup.Plan(
            name,
            name=physical,
            rules=[
                aws.backup.PlanRuleArgs(
                    rule_name="scheduled",
                    target_vault_name=vault.name,
                    schedule=settings.schedule,
                    lifecycle=aws.backup.PlanRuleLifecycleArgs(
                        delete_after=settings.retention_days, cold_storage_after=settings.cold_storage_after_days
                    ),
                    recovery_point_tags=self.merged_tags(),
                )
            ],
            tags=self.merged_tags(physical),
            opts=self._child,
        )
        services = sorted({arn.split(":")[2] for arn in args.resources})
        role = Role(
            f"{name}-role",
            RoleArgs(
                deployment=deployment,
                iam=args.iam,
                suffix="backup",
                description="Backups of database and tables",
                # AWS Backup sends no aws:SourceAccount (policies/least_privilege, LP12).
                trust=service_trust(deployment.target, "backup", source_account=False),
                policies={
                    "backup": backup_policy(
                        deployment.target,
                        vault=physical,
                        arns=list(args.resources),
                        use_key=[key.use("Key", "backup", *services, write=True), *key.lend("Key")],
                    )
                },
            ),
            opts=self._child,
        )
        aws.backup.Selection(
            name,
            name=physical,
            plan_id=plan.id,
            iam_role_arn=role.arn,
            resources=list(args.resources.values()),
            opts=self._child,
        )
        self.vault_name = vault.name
        self.register_outputs({"vault_name": self.vault_name})
