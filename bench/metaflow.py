"""What Metaflow's part costs to preview and to bring up, against the public Terraform module with the same features.

The module's figures are a recording (terraform 1.9, provider 5.100, an emulator like ours, two cores): its command line
is no package that this repository could install. The rest of the platform is left out where it can be, and counted
where it cannot, so figures are compared by resource. Prints CPU seconds (of the engine and its children, without the
emulator), wall seconds, the largest process's memory, and how many differences a second preview shows:

    python -m bench.metaflow
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import yaml

import emulator
from bench.plan import ROOT, Cost, measure
from cli.engine import Engine, NoEngineError, find_engine
from cli.local import link_program

MODULE = {"resources": 117, "plan CPU s": 4.7, "plan MiB": 514, "up wall s": 96}
"""outerbounds/terraform-aws-metaflow: 539 MB are 514 MiB; five to seven differences never went away."""

CONFIG: dict[str, Any] = {
    "mlplatform:environment": "local",
    "mlplatform:api": {"integration": "cloudMap"},
    "mlplatform:studio": {"enabled": False},
    "mlplatform:web": {"enabled": False},
    "mlplatform:identity": {"mode": "none"},
    "mlplatform:metadataTables": {"enabled": False},
    "mlplatform:mlflow": {
        "auth": "basic",
        "images": {"mlflow": "example.com/mlflow:1", "nginx": "example.com/nginx:1"},
    },
    "mlplatform:metaflow": {
        "images": {"service": "example.com/metaflow:1", "job": "example.com/job:1"},
        "notebook": {"platformIdentifier": "notebook-al2-v3"},
    },
}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            find_engine(ROOT, {})
        except NoEngineError as error:
            print(f"not measured: {error}")
            return
        running = emulator.start(folder / "emulator", 0)
        try:
            _measure(_engine(folder, running.url))
        finally:
            emulator.stop(folder / "emulator")


def _engine(folder: Path, url: str) -> Engine:
    aws = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"]
    config = {**{key: value for key, value in aws.items() if key.startswith("aws:")}, **CONFIG}
    program = link_program(ROOT, folder / "program", yaml.safe_dump({"config": config}))
    (folder / "state").mkdir()
    engine = find_engine(
        program,
        {
            "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "bench",
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        },
    )
    engine.read("stack", "init", "local")
    return engine


def _measure(engine: Engine) -> None:
    preview = measure(lambda: _done(engine, "preview"))
    up = measure(lambda: _done(engine, "up", "--yes", "--skip-preview"))
    state = [one for one in engine.state("local") if one.get("custom") and not one["type"].startswith("pulumi:")]
    again = json.loads(_json(_run(engine, "preview", "--json")))["changeSummary"]
    number, differences = len(state), sum(count for kind, count in again.items() if kind != "same")
    print(f"{number} resources ({_metaflow(state)} of Metaflow); differences in a second preview: {differences}")
    print(f"{'by resource':<18} {'program':>10} {'module':>10} {'ratio':>8}")
    for figure, ours in _figures(preview, up).items():
        a, b = ours / number, MODULE[figure] / MODULE["resources"]
        print(f"{figure:<18} {a:>10.3f} {b:>10.3f} {a / b:>8.2f}")
    print(f"in all: preview {preview.wall:.0f} s, {preview.cpu:.1f} CPU s; up {up.wall:.0f} s, {up.cpu:.1f} CPU s")


def _figures(preview: Cost, up: Cost) -> dict[str, float]:
    return {"plan CPU s": preview.cpu, "plan MiB": preview.memory, "up wall s": up.wall}


def _metaflow(state: list[dict[str, Any]]) -> int:
    return sum("mlplatform:metaflow:Metaflow$" in str(one["urn"]) for one in state)


def _done(engine: Engine, *command: str) -> None:
    _run(engine, *command)


def _run(engine: Engine, *command: str) -> str:
    code, output = engine.capture(command[0], "--stack", "local", "--non-interactive", *command[1:])
    assert code == 0, output
    return output


def _json(output: str) -> str:
    return output[output.index("{") :]


if __name__ == "__main__":
    main()
