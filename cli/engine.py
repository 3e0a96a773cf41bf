"""Finds or installs the Pulumi engine and its providers, and runs it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

INSTALLER = "https://get.pulumi.com"
INSTALL_TIMEOUT_SECONDS = 20
PLUGINS = {"aws": "pulumi-aws", "awsx": "pulumi-awsx", "random": "pulumi-random"}
"""Providers that every stack needs, with the Python package whose version they follow."""

NOISE = ("warning: using pulumi-", "from $PATH at")
"""Lines that the engine prints for each provider that it finds on PATH instead of in its plugin folder."""


class NoEngineError(Exception):
    """Neither a Pulumi engine nor its installer is to be had; the message is one line."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A Pulumi command that works, with the environment it is to run in.

    Args:
        program: Path of the command.
        root: Folder of `Pulumi.yaml`.
        environment: Variables besides this process's own.
    """

    program: str
    root: Path
    environment: Mapping[str, str]

    def run(self, *args: str) -> int:
        """Runs a command, passing on what it prints without noise; gives its exit code."""
        process = subprocess.Popen(
            [self.program, *args],
            cwd=self.root,
            env=self._everything(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if not all(word in line for word in NOISE):
                sys.stdout.write(line)
                sys.stdout.flush()
        return process.wait()

    def capture(self, *args: str) -> tuple[int, str]:
        """Runs a command; gives its exit code and all that it prints."""
        done = subprocess.run(
            [self.program, *args],
            cwd=self.root,
            env=self._everything(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def interact(self, *args: str) -> int:
        """Runs a command that may ask questions; gives its exit code."""
        return subprocess.call([self.program, *args], cwd=self.root, env=self._everything())

    def read(self, *args: str) -> str:
        """What a command prints.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        done = subprocess.run(
            [self.program, *args],
            cwd=self.root,
            env=self._everything(),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def _everything(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def stacks(self) -> set[str]:
        """Names of the stacks in the backend."""
        return {stack["name"].split("/")[-1] for stack in json.loads(self.read("stack", "ls", "--json"))}

    def state(self, stack: str) -> list[dict[str, Any]]:
        """Resources in a stack's state; empty where nothing is deployed."""
        return cast("list[dict[str, Any]]", self._deployment(stack).get("resources") or [])

    def interrupted(self, stack: str) -> bool:
        """Whether the last update was killed, so that resources may exist which the state does not know."""
        return bool(self._deployment(stack).get("pending_operations"))

    def outputs(self, stack: str) -> dict[str, Any]:
        """A stack's outputs."""
        return json.loads(self.read("stack", "output", "--json", "--stack", stack))

    def _deployment(self, stack: str) -> dict[str, Any]:
        exported = json.loads(self.read("stack", "export", "--stack", stack))
        return cast("dict[str, Any]", exported.get("deployment") or {})


def find_engine(root: Path, environment: Mapping[str, str]) -> Engine:
    """The engine on PATH; else the official one, of the SDK's version, installed into `.pulumi-engine`.

    Args:
        root: Folder of `Pulumi.yaml`.
        environment: Variables for everything that the engine runs.

    Raises:
        NoEngineError: Neither is to be had, or a provider is not.
    """
    own = root / ".pulumi-engine" / "bin" / "pulumi"
    program = shutil.which("pulumi") or (str(own) if own.exists() else _install(root, own))
    engine = Engine(
        program=program,
        root=root,
        environment={
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PATH": f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}",
            **environment,
        },
    )
    _plugins(engine)
    return engine


def _install(root: Path, own: Path) -> str:
    wanted = version("pulumi")
    print(f"No pulumi on PATH: installing {wanted} into {own.parent.parent.relative_to(root)}/ by {INSTALLER}")
    try:
        with urllib.request.urlopen(INSTALLER, timeout=INSTALL_TIMEOUT_SECONDS) as response:
            script = cast("bytes", response.read())
    except (urllib.error.URLError, OSError) as error:
        raise NoEngineError(f"no Pulumi engine: none on PATH, and {INSTALLER} cannot be reached ({error})") from None
    with tempfile.NamedTemporaryFile(suffix=".sh") as file:
        file.write(script)
        file.flush()
        root_option = ["--install-root", str(own.parent.parent), "--no-edit-path"]
        done = subprocess.run(["sh", file.name, "--version", wanted, *root_option], capture_output=True, check=False)
    if done.returncode or not own.exists():
        raise NoEngineError(f"no Pulumi engine: none on PATH, and the installer of {wanted} failed")
    return str(own)


def _plugins(engine: Engine) -> None:
    """Installs each provider that is neither on PATH nor in Pulumi's plugin folder."""
    search = engine.environment["PATH"]
    missing = {
        name: package for name, package in PLUGINS.items() if not shutil.which(f"pulumi-resource-{name}", path=search)
    }
    if not missing:
        return
    there = {(plugin["name"], plugin["version"]) for plugin in json.loads(engine.read("plugin", "ls", "--json"))}
    for name, package in missing.items():
        wanted = version(package)
        if (name, wanted) not in there and engine.run("plugin", "install", "resource", name, wanted):
            raise NoEngineError(f"no Pulumi provider {name} {wanted}: neither on PATH nor to be downloaded")
