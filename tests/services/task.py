"""One ECS task as processes: the containers' own entry points with the variables that the task definition gives."""

import json
import os
import shutil
import string
import subprocess
from pathlib import Path
from typing import Any

import requests

from tests.services.cloud import BUCKET, Cloud
from tests.services.databases import Server
from tests.services.processes import (
    MLFLOW_PYTHON,
    PATIENCE,
    REPOSITORY,
    Process,
    folder,
    free_port,
    python_path,
    wait_for,
)

SERVICES = REPOSITORY / "services"
PROXY_USER = "www-data"

PRINTABLE = "".join(sorted(string.ascii_letters + string.digits + string.punctuation + " "))
USERNAME = "me" + "".join(character for character in PRINTABLE if character != ":")
"""Every printable ASCII character that basic auth allows in a user name."""
PASSWORD = "pw" + PRINTABLE
DATABASE_PASSWORD = "db" + string.punctuation + " %41"
HOST = "mlflow.example.com"
"""A name that MLflow is told to answer to, besides the loopback addresses that the tests' clients use."""


class Proxy:
    """The NGINX container: with passwords, or with the variables that make it ask for tokens."""

    def __init__(self, upstream_port: int, passwords: Path | None, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # In the task all containers have the same user; here NGINX is not root, and may only read its own file.
        self._folder = folder(PROXY_USER)
        own = self._folder / "htpasswd"
        if passwords is not None:
            shutil.copyfile(passwords, own)
            own.chmod(0o600)
            if os.getuid() == 0:
                shutil.chown(own, PROXY_USER)
        self.process = Process(
            [SERVICES / "nginx" / "entrypoint.sh"],
            env={
                "PATH": f"{os.environ['PATH']}:/usr/sbin",
                "NGINX_TEMPLATES": str(SERVICES / "nginx"),
                "NGINX_RUN_DIR": str(self._folder / "nginx"),
                "NGINX_PORT": str(self.port),
                "MLFLOW_UPSTREAM": f"127.0.0.1:{upstream_port}",
                "MLFLOW_HTPASSWD_FILE": str(own),
                **environment,
            },
            user=PROXY_USER,
        )
        wait_for(self.answers, "NGINX", self.process)

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/elb-status", timeout=PATIENCE).status_code == 200
        except requests.ConnectionError:
            return False

    def access_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.process.output().splitlines() if line.startswith("{")]

    def close(self) -> None:
        self.process.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Authoriser:
    """The container that checks bearer tokens."""

    def __init__(self, cloud: Cloud, parameter: str, **environment: str) -> None:
        self.port = free_port()
        self.environment = {
            **cloud.environment(),
            "PYTHONPATH": python_path("mlflow"),
            "MLFLOW_TOKENS_PARAMETER": parameter,
            "MLFLOW_AUTHORISE_PORT": str(self.port),
            **environment,
        }
        self.process = Process([MLFLOW_PYTHON, "-m", "mlflow_service", "authorise"], env=self.environment)

    def proxy_environment(self) -> dict[str, str]:
        """What makes NGINX ask it."""
        return {"MLFLOW_AUTH_TYPE": "cognito", "MLFLOW_AUTHORISER": f"127.0.0.1:{self.port}"}

    def healthy(self) -> bool:
        """The container's own health check."""
        command = [MLFLOW_PYTHON, "-m", "mlflow_service", "health", "authorise"]
        return subprocess.run(command, env=self.environment, capture_output=True, check=False).returncode == 0

    def close(self) -> None:
        self.process.close()


class Task:
    """The containers, with a folder of their own instead of the task's volume; without credentials tokens are due."""

    def __init__(self, cloud: Cloud, parameter: str, credentials: str | None, ca: Path, **environment: str) -> None:
        self._cloud = cloud
        self.folder = folder()
        self.port = free_port()
        self.passwords = self.folder / "htpasswd"
        self.common = {
            **cloud.environment(),
            "PYTHONPATH": python_path("mlflow"),
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "MLFLOW_DATABASE_PARAMETER": parameter,
            **({"MLFLOW_CREDENTIALS_SECRET_ID": credentials} if credentials else {"MLFLOW_AUTH_TYPE": "cognito"}),
            "MLFLOW_DATABASE_CA": str(ca),
            "MLFLOW_DATABASE_WAIT_SECONDS": "60",
            "MLFLOW_HTPASSWD_FILE": str(self.passwords),
        }
        self.server = {
            **self.common,
            "MLFLOW_DEFAULT_ARTIFACT_ROOT": f"s3://{BUCKET}/mlflow",
            "MLFLOW_HOST": "127.0.0.1",
            "MLFLOW_PORT": str(self.port),
            "MLFLOW_WORKERS": "1",
            "MLFLOW_SERVER_ALLOWED_HOSTS": f"{HOST},127.0.0.1:*,localhost:*",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "5",
            "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "10",
            "MLFLOW_SQLALCHEMYSTORE_POOL_RECYCLE": "3600",
            **environment,
        }
        self.mlflow: Process | None = None
        self.proxy: Proxy | None = None

    def prepare(self, **environment: str) -> Process:
        return Process([MLFLOW_PYTHON, "-m", "mlflow_service", "prepare"], env=self.common | environment)

    def start_mlflow(self) -> Process:
        self.mlflow = Process([MLFLOW_PYTHON, "-m", "mlflow_service", "serve"], env=self.server)
        return self.mlflow

    def healthy(self) -> bool:
        """The container's own health check."""
        command = [MLFLOW_PYTHON, "-m", "mlflow_service", "health"]
        return subprocess.run(command, env=self.server, capture_output=True, check=False).returncode == 0

    def start_proxy(self, **environment: str) -> Proxy:
        wait_for(self.healthy, "MLflow", self.mlflow)
        passwords = self.passwords if "MLFLOW_CREDENTIALS_SECRET_ID" in self.common else None
        self.proxy = Proxy(self.port, passwords, **environment)
        return self.proxy

    def start(self, **environment: str) -> "Task":
        """Everything, as ECS orders it; the variables are NGINX's."""
        prepared = self.prepare()
        assert prepared.wait() == 0, prepared.output()
        prepared.close()
        self.start_mlflow()
        self.start_proxy(**environment)
        return self

    def experiments(self, username: str = USERNAME, password: str = PASSWORD) -> requests.Response:
        """A request that asks the database."""
        assert self.proxy
        url = f"{self.proxy.url}/api/2.0/mlflow/experiments/search"
        return requests.post(url, json={"max_results": 5}, auth=(username, password), timeout=PATIENCE)

    def client(self, script: str, *arguments: str, username: str = USERNAME, password: str = PASSWORD) -> str:
        """Runs a script with the real MLflow client against NGINX; returns what it prints."""
        login = {"MLFLOW_TRACKING_USERNAME": username, "MLFLOW_TRACKING_PASSWORD": password}
        done = self.run_client(script, *arguments, **login)
        assert done.returncode == 0, done.stdout + done.stderr[-6000:]
        return done.stdout

    def run_client(self, script: str, *arguments: str, **login: str) -> subprocess.CompletedProcess[str]:
        """Runs a script with the real MLflow client against NGINX, with the variables by which it logs in."""
        assert self.proxy
        return subprocess.run(
            [MLFLOW_PYTHON, "-c", script, *arguments],
            env={
                **self._cloud.environment(),
                "AWS_DEFAULT_REGION": "eu-west-1",
                "HOME": str(self.folder),
                "MLFLOW_TRACKING_URI": self.proxy.url,
                **login,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "GIT_PYTHON_REFRESH": "quiet",
            },
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    def close(self) -> None:
        for process in (self.proxy, self.mlflow):
            if process is not None:
                process.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def address(server: Server, name: str, secret: str, **changes: Any) -> dict[str, Any]:
    """The database as its parameter describes it."""
    fields = {"engine": server.engine, "host": "localhost", "port": server.port, "dbname": name, "secretArn": secret}
    return fields | changes
