"""The containers of Metaflow's metadata service as processes, and what they need that is on no package index."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.services.cloud import BUCKET, Cloud
from tests.services.databases import PostgreSql
from tests.services.processes import REPOSITORY, Process, folder, free_port, python_path, wait_for
from tests.services.task import address

METAFLOW_PYTHON = REPOSITORY / ".venv-metaflow" / "bin" / "python"
GOOSE = REPOSITORY / ".tools" / "bin" / "goose"
DATASTORE = f"s3://{BUCKET}/metaflow"
PASSWORD = "mf !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ %41"  # pragma: allowlist secret
VERSION = "2.5.1"
INDEX = "<html><head></head><body>the pages</body></html>"


def need(*files: Path, made_by: str) -> None:
    """Skips a test whose programs are not there, and says why; with REQUIRE_SERVICES=1 it fails instead."""
    missing = [str(file) for file in files if not file.exists()]
    if missing:
        reason = f"missing: {', '.join(missing)}; make {made_by}"
        (pytest.fail if os.environ.get("REQUIRE_SERVICES") == "1" else pytest.skip)(reason)


def source() -> Path:
    """The metadata service's source; skips where it cannot be had, and fails with REQUIRE_METAFLOW_SERVICE=1."""
    named = os.environ.get("METAFLOW_SERVICE_SOURCE")
    found = Path(named) if named else REPOSITORY / ".tools" / "metaflow-service"
    if not (found / "services" / "metadata_service" / "server.py").is_file():
        reason = (
            f"no source of the metadata service in {found}: `make .tools/metaflow-service` clones it where its public "
            "repository can be reached, or METAFLOW_SERVICE_SOURCE names its folder"
        )
        (pytest.fail if os.environ.get("REQUIRE_METAFLOW_SERVICE") == "1" else pytest.skip)(reason)
    assert f'version="{VERSION}"' in (found / "setup.py").read_text(), f"{found} is not version {VERSION}"
    return found


class Installed:
    """The service as the image has it: its `services`, pages to stand in for the release's, and its version."""

    def __init__(self, origin: Path) -> None:
        self.folder = folder()
        shutil.copytree(origin / "services", self.folder / "services", ignore=shutil.ignore_patterns("tests"))
        pages = self.folder / "services" / "ui_backend_service" / "ui"
        (pages / "static").mkdir(parents=True, exist_ok=True)
        (pages / "index.html").write_text(INDEX)
        (pages / "static" / "app.js").write_text("// code of the pages")
        # The service asks Python's package metadata for its own version.
        metadata = self.folder / f"metadata_service-{VERSION}.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: metadata_service\nVersion: {VERSION}\n")

    @property
    def migrations(self) -> Path:
        return self.folder / "services" / "migration_service" / "migration_files"

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


class MetaflowTask:
    """The containers of a metadata service on a database of its own, with or without the service itself."""

    def __init__(self, cloud: Cloud, server: PostgreSql, ca: Path, name: str, installed: Path | None = None) -> None:
        self.cloud, self.server, self.name = cloud, server, name
        server.create(name, name, PASSWORD)
        self.secret = cloud.secret(name, PASSWORD)
        self.parameter = cloud.parameter(**address(server, name, self.secret))
        self.folder = folder()
        self.port, self.ui_port = free_port(), free_port()
        self.url, self.ui_url = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.ui_port}"
        paths = [python_path("metaflow"), *([str(installed)] if installed else [])]
        self.environment = {
            **cloud.environment(),
            "PATH": f"{GOOSE.parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(paths),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "MF_DATABASE_PARAMETER": self.parameter,
            "MF_DATABASE_CA": str(ca),
            "MF_DATABASE_WAIT_SECONDS": "60",
            "MF_METADATA_PORT": str(self.port),
            "MF_UI_METADATA_PORT": str(self.ui_port),
            "MF_UI_CACHE_DIR": str(self.folder),
            "METAFLOW_DATASTORE_SYSROOT_S3": DATASTORE,
        }
        self.processes: list[Process] = []

    def run(self, command: str, **environment: str) -> Process:
        """Starts one of the entry points."""
        process = Process([METAFLOW_PYTHON, "-m", "metaflow_service", command], env=self.environment | environment)
        self.processes.append(process)
        return process

    def migrate(self, files: Path, **environment: str) -> Process:
        return self.run("migrate", MF_MIGRATION_FILES=str(files), **environment)

    def start(self, command: str = "serve", **environment: str) -> Process:
        """Starts a server and waits until it is healthy."""
        process = self.run(command, **environment)
        wait_for(lambda: self.healthy("ui" if command == "ui" else "metadata"), command, process)
        return process

    def health(self, server: str) -> subprocess.CompletedProcess[str]:
        """The container's own health check."""
        command = [METAFLOW_PYTHON, "-m", "metaflow_service", "health", server]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def healthy(self, server: str) -> bool:
        return self.health(server).returncode == 0

    def close(self) -> None:
        for process in self.processes:
            process.close()
        shutil.rmtree(self.folder, ignore_errors=True)
