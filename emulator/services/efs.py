"""Amazon Elastic File System."""

import json
from typing import Any

from moto.efs.models import FileSystem
from moto.efs.responses import EFSResponse

from emulator.registry import adds, corrects

JSON = {"Content-Type": "application/json"}


@corrects(
    "efs",
    "DescribeBackupPolicy",
    "knows only the policy that creation set",
    on=FileSystem,
    attribute="backup_policy",
)
@property
def backup_policy(self: Any) -> dict[str, str] | None:
    """The status as last put; `_backup` is true or false until then."""
    if not self._backup:
        return None
    return {"Status": self._backup if isinstance(self._backup, str) else "ENABLED"}


@adds("efs", "PutBackupPolicy", on=EFSResponse)
def put_backup_policy(self: Any) -> tuple[str, dict[str, str]]:  # noqa: D103
    policy = self._get_param("BackupPolicy")
    self.efs_backend.file_systems_by_id[self._get_param("FileSystemId")]._backup = policy["Status"]
    return json.dumps({"BackupPolicy": policy}), JSON


@adds("efs", "DeleteFileSystemPolicy", on=EFSResponse)
def delete_file_system_policy(self: Any) -> tuple[str, dict[str, str]]:  # noqa: D103
    self.efs_backend.file_systems_by_id[self._get_param("FileSystemId")].file_system_policy = None
    return "{}", JSON
