"""AWS Backup."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote

from moto.backup import urls
from moto.backup.exceptions import ResourceNotFoundException
from moto.backup.models import Plan
from moto.backup.responses import BackupResponse

from emulator.registry import adds, corrects, records, setup


@setup
def route_vault_contents() -> None:
    """Moto routes a vault itself, but nothing below it."""
    urls.url_paths["{0}/backup-vaults/(?P<name>[^/]+)/(?P<rest>.+)$"] = BackupResponse.dispatch


def _selections(self: Any) -> dict[str, Any]:
    plan = self.path.split("/")[3]  # /backup/plans/<plan>/selections/<selection>
    self.backup_backend.get_backup_plan(plan, None)
    return records(self.backup_backend, "selections").setdefault(plan, {})


def _selection(self: Any) -> tuple[dict[str, Any], str]:
    selections, selection = _selections(self), self.path.rstrip("/").split("/")[5]
    if selection not in selections:
        raise ResourceNotFoundException(f"Backup selection {selection} not found")
    return selections, selection


@corrects("backup", "ListTags", "expects the trailing slash that only boto3 sends", on=BackupResponse)
def list_tags(_original: Callable[..., Any], self: Any) -> str:  # noqa: D103
    arn = unquote(self.path.split("/tags/")[1].rstrip("/"))
    return json.dumps({"Tags": self.backup_backend.list_tags(arn)})


@adds("backup", "ListRecoveryPointsByBackupVault", on=BackupResponse)
def list_recovery_points_by_backup_vault(self: Any) -> str:  # noqa: D103
    # Nothing is ever backed up here, so an existing vault is empty.
    self.backup_backend.describe_backup_vault(self.path.split("/")[2])
    return json.dumps({"RecoveryPoints": []})


@corrects("backup", "DeleteBackupPlan", "keeps the name of a deleted plan taken", on=BackupResponse)
def delete_backup_plan(original: Callable[..., Any], self: Any) -> Any:  # noqa: D103
    answer = original(self)
    plan = self.backup_backend.plans[json.loads(answer)["BackupPlanId"]]
    freed = f"{plan.backup_plan['BackupPlanName']} (deleted {plan.backup_plan_id})"
    plan.backup_plan = {**plan.backup_plan, "BackupPlanName": freed}
    return answer


@adds("backup", "UpdateBackupPlan", on=BackupResponse)
def update_backup_plan(self: Any) -> str:  # noqa: D103
    plan = self.backup_backend.get_backup_plan(self.path.rstrip("/").split("/")[3], None)
    # The constructor fills in what a plan leaves open; every update is a new version.
    new = cast("Any", Plan)(json.loads(self.body)["BackupPlan"], plan.creator_request_id, self.backup_backend)
    plan.backup_plan, plan.version_id = new.backup_plan, new.version_id
    plan.advanced_backup_settings = new.advanced_backup_settings
    return json.dumps(plan.to_dict())


@adds("backup", "CreateBackupSelection", on=BackupResponse)
def create_backup_selection(self: Any) -> str:  # noqa: D103
    body, selection = json.loads(self.body), str(uuid.uuid4())
    record = {
        "BackupPlanId": self.path.split("/")[3],
        "SelectionId": selection,
        "BackupSelection": body["BackupSelection"],
        "CreationDate": time.time(),
        "CreatorRequestId": body.get("CreatorRequestId"),
    }
    _selections(self)[selection] = record
    return json.dumps({key: record[key] for key in ("BackupPlanId", "SelectionId", "CreationDate")})


@adds("backup", "GetBackupSelection", on=BackupResponse)
def get_backup_selection(self: Any) -> str:  # noqa: D103
    selections, selection = _selection(self)
    return json.dumps(selections[selection])


@adds("backup", "DeleteBackupSelection", on=BackupResponse)
def delete_backup_selection(self: Any) -> str:  # noqa: D103
    selections, selection = _selection(self)
    del selections[selection]
    return "{}"


@adds("backup", "ListBackupSelections", on=BackupResponse)
def list_backup_selections(self: Any) -> str:  # noqa: D103
    found = [
        {
            **record,
            "SelectionName": record["BackupSelection"]["SelectionName"],
            "IamRoleArn": record["BackupSelection"]["IamRoleArn"],
        }
        for record in _selections(self).values()
    ]
    return json.dumps({"BackupSelectionsList": found})
