"""Stops the notebook instance that it runs on, once no kernel and no terminal was busy for a while.

python idle_stop.py --minutes 60
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

UTC = timezone.utc  # noqa: UP017 - instances of notebook-al2-v3 have Python 3.10, which has no datetime.UTC

METADATA = "/opt/ml/metadata/resource-metadata.json"
"""Where an instance finds its own ARN (SageMaker developer guide, "Get notebook instance metadata")."""

JUPYTER = "https://localhost:8443"
TIMEOUT_SECONDS = 10


def last_activity(sessions: Iterable[Mapping[str, Any]], terminals: Iterable[Mapping[str, Any]]) -> datetime | None:
    """When somebody last worked; now while a kernel is busy, None where nothing was ever opened."""
    times: list[datetime] = []
    for session in sessions:
        kernel = session["kernel"]
        if kernel["execution_state"] == "busy":
            return datetime.now(UTC)
        times.append(_time(kernel["last_activity"]))
    times += [_time(terminal["last_activity"]) for terminal in terminals if terminal.get("last_activity")]
    return max(times, default=None)


def idle(last: datetime | None, started: datetime, limit: timedelta) -> bool:
    """Whether nobody worked for so long; an instance that has just started is not idle."""
    return datetime.now(UTC) - max(last or started, started) >= limit


def main(arguments: list[str] | None = None) -> int:
    """Looks once, and stops the instance if it is idle; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, required=True, help="minutes without work")
    parser.add_argument("--jupyter", default=JUPYTER, help="address of the notebook server")
    parser.add_argument("--metadata", default=METADATA, help="file that names the instance")
    args = parser.parse_args(arguments)
    try:
        last = last_activity(_get(f"{args.jupyter}/api/sessions"), _get(f"{args.jupyter}/api/terminals"))
    except OSError as error:
        print(f"the notebook server does not answer, so nothing is stopped: {error}", file=sys.stderr)
        return 1
    if not idle(last, _started(), timedelta(minutes=args.minutes)):
        print(f"last work: {last}")
        return 0
    import boto3  # noqa: PLC0415 - only an idle instance needs it

    arn = str(json.loads(Path(args.metadata).read_text())["ResourceArn"])
    print(f"idle for {args.minutes} minutes: stopping {arn}")
    region, name = arn.split(":")[3], arn.rsplit("/", maxsplit=1)[-1]
    boto3.client("sagemaker", region_name=region).stop_notebook_instance(NotebookInstanceName=name)
    return 0


def _get(url: str) -> list[dict[str, Any]]:
    # The server's certificate is its own, and it is on this machine.
    context = ssl._create_unverified_context()
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS, context=context) as answer:
        return list(json.load(answer))


def _started() -> datetime:
    seconds = float(Path("/proc/uptime").read_text().split()[0])
    return datetime.now(UTC) - timedelta(seconds=seconds)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


if __name__ == "__main__":
    sys.exit(main())
