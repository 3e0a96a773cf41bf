"""`make up` and `make down`: the stack `local` on the emulator."""

import fcntl
import json
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten

import emulator
from cli.engine import Engine, NoEngineError, find_engine
from cli.plan.report import plan
from cli.policy_packs import policy_pack_options

STACK = "local"
USUAL_PORT = 5555
PROGRAM = ("__main__.py", "Pulumi.yaml", "components", "settings", "lib", "services", "policies", ".venv")
"""What the engine needs of the repository."""


def up(root: Path) -> int:
    """Starts the emulator and deploys the stack `local` on it, with the policy packs on; gives the exit code.

    Where no engine is to be had it says so, deploys nothing, and shows the offline plan.
    """
    folder = _folder(root)
    try:
        find_engine(root, {})
    except NoEngineError as error:
        print(f"{error}; nothing is deployed, this is the offline plan:")
        plan(root, STACK)
        return 1
    with _alone(folder):
        return _up(root, folder)


def _up(root: Path, folder: Path) -> int:
    running = emulator.start(folder / "emulator", USUAL_PORT)
    engine = _engine(root, running.url)
    known = STACK in engine.stacks()
    if known:
        # An update that was killed leaves its lock; nobody holds it, as we are alone.
        engine.read("cancel", STACK, "--yes")
    if known and _remembered(folder) != running.instance:
        print("The emulator was started anew and holds nothing of what was deployed: everything is brought back.")
        _forget(engine)
        known = False
    elif known and engine.interrupted(STACK):
        print("The last update was killed: the emulator may hold what the state does not know, so both start over.")
        _forget(engine)
        known = False
        emulator.stop(folder / "emulator")
        running = emulator.start(folder / "emulator", USUAL_PORT)
        engine = _engine(root, running.url)
    if not known:
        engine.read("stack", "init", STACK)
    _remember(folder, running.instance)
    begun = time.monotonic()
    code = engine.run(
        "up", "--stack", STACK, "--yes", "--skip-preview", "--non-interactive", *policy_pack_options(root)
    )
    if code == 0:
        _where(engine, running, time.monotonic() - begun)
    return code


def down(root: Path) -> int:
    """Destroys the stack `local` and stops the emulator; gives the exit code."""
    folder = _folder(root)
    with _alone(folder):
        return _down(root, folder)


def _down(root: Path, folder: Path) -> int:
    running = emulator.running(folder / "emulator")
    if running is not None:
        engine = _engine(root, running.url)
        if STACK in engine.stacks():
            engine.read("cancel", STACK, "--yes")  # the lock of an update that was killed
            code = engine.run("destroy", "--stack", STACK, "--yes", "--skip-preview", "--non-interactive")
            if code:
                return code
            engine.read("stack", "rm", STACK, "--yes", "--preserve-config")
    print("emulator stopped" if emulator.stop(folder / "emulator") else "no emulator was running")
    return 0


def local_environment(root: Path, url: str) -> dict[str, str]:
    """Variables that point the engine at the emulator and at a state folder that git ignores, and at nothing else."""
    folder = _folder(root)
    passphrase = folder / "passphrase"
    if not passphrase.exists():
        passphrase.touch(mode=0o600)
        passphrase.write_text(secrets.token_urlsafe(32))
    (folder / "state").mkdir(exist_ok=True)
    return {
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "",
        "AWS_PROFILE": "",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def running_environment(root: Path) -> dict[str, str]:
    """Variables of the stack `local`.

    Raises:
        NoEngineError: The emulator does not run.
    """
    running = emulator.running(_folder(root) / "emulator")
    if running is None:
        raise NoEngineError("the emulator does not run; start it by `make up`")
    return local_environment(root, running.url)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Two `make up` at once would undo each other's work.

    Raises:
        NoEngineError: Another one is at work.
    """
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NoEngineError("another `make up` or `make down` is at work here; wait for it") from None
        yield


def _forget(engine: Engine) -> None:
    engine.read("stack", "rm", STACK, "--force", "--yes", "--preserve-config")


def _engine(root: Path, url: str) -> Engine:
    _mend(_folder(root) / "state")
    program = link_program(root, _folder(root) / "program", (root / f"Pulumi.{STACK}.yaml").read_text())
    return find_engine(program, local_environment(root, url))


def _mend(state: Path) -> None:
    """An engine that is killed may leave half of a file of attributes, and reads no stack until the file is gone."""
    for attributes in state.rglob("*.attrs"):
        try:
            json.loads(attributes.read_bytes())
        except ValueError:
            attributes.unlink()


def link_program(root: Path, folder: Path, stack_file: str) -> Path:
    """The program in `root` as links in `folder`, beside a file of the stack `local` with this content.

    The engine writes the salt of the passphrase into a stack's file; so it does not write into the repository's.
    """
    folder.mkdir(exist_ok=True)
    for name in PROGRAM:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(root / name)
    own = folder / f"Pulumi.{STACK}.yaml"
    before = own.read_text().splitlines() if own.exists() else []
    salt = [line for line in before if line.startswith("encryptionsalt:")]
    own.write_text("\n".join([stack_file.rstrip(), *salt]) + "\n")
    return folder


def _folder(root: Path) -> Path:
    folder = root / ".local"
    folder.mkdir(exist_ok=True)
    return folder


def _remember(folder: Path, instance: str) -> None:
    (folder / "deployed.json").write_text(json.dumps({"instance": instance}))


def _remembered(folder: Path) -> str | None:
    file = folder / "deployed.json"
    return json.loads(file.read_text())["instance"] if file.exists() else None


def _where(engine: Engine, running: emulator.Emulator, seconds: float) -> None:
    outputs = engine.outputs(STACK)
    resources = sum(1 for resource in engine.state(STACK) if resource.get("custom"))
    print(f"\n{resources} resources are up on the emulator at {running.url} ({seconds:.0f} s). Where things are:")
    width = max(map(len, outputs))
    for name, value in sorted(outputs.items(), key=lambda item: item[0].lower()):
        text = value if isinstance(value, str) else json.dumps(value)
        print(f"  {name:<{width}}  {shorten(text, 100, placeholder=' …')}")
    print("\nLook:   make plan STACK=local     (tree and picture)")
    keys = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
    print(f"        AWS_ENDPOINT_URL={running.url} {keys} aws ecs list-clusters")
    print("Again:  make up                   Stop: make down")
