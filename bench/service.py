"""Requests per second and latency through NGINX against bare MLflow, and the memory of one task.

`python -m bench.service [--seconds 5] [--rounds 3]`: starts MariaDB, moto and one task as tests/services does, then
asks MLflow the same by turns directly and through NGINX, so that what else the machine does weighs on both. Exits 1
if an aim is missed.
"""

import argparse
import http.client
import json
import statistics
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.services.certificates import authority
from tests.services.cloud import Cloud
from tests.services.databases import MariaDb
from tests.services.processes import folder, tree
from tests.services.task import Task, address

LEAST_RATIO = 0.9
MOST_GIB = 0.8
USERNAME = "admin"
PASSWORD = "p" * 32  # as long as the one that the program generates
WORKERS = "2"
BODY = json.dumps({"max_results": 5}).encode()
REQUESTS: dict[str, tuple[str, str, bytes | None]] = {
    "search (database)": ("POST", "/api/2.0/mlflow/experiments/search", BODY),
    "version (no database)": ("GET", "/version", None),
}


@dataclass
class Figures:
    """Latencies in seconds of one way to MLflow, and how long it all took."""

    latencies: list[float] = field(default_factory=list[float])
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """A percentile of the latency in milliseconds."""
        return statistics.quantiles(self.latencies, n=100)[percent - 1] * 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="length of one turn")
    parser.add_argument("--rounds", type=int, default=3, help="turns for each way")
    parser.add_argument("--clients", type=int, default=4, help="connections at a time")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        task = start(stack)
        time.sleep(3)
        memory = {"at rest": task_memory(task)}
        peak = Peak(lambda: task_memory(task))
        ratios = compare(task, arguments.seconds, arguments.rounds, arguments.clients)
        memory["under load"] = peak.stop()
    names = "".join(f"{name:>14}" for name in memory["at rest"])
    print(f"\n{'memory of the task (PSS, GiB)':<34}{names}     total")
    for when, parts in memory.items():
        print(f"{when:<34}" + "".join(f"{part:>14.3f}" for part in parts.values()) + f"{sum(parts.values()):>10.3f}")
    ratio, most = ratios["search (database)"], max(sum(parts.values()) for parts in memory.values())
    print(f"\nthrough NGINX / bare: {ratio:.2f} (aim: at least {LEAST_RATIO})")
    print(f"memory of one task:   {most:.2f} GiB (aim: at most {MOST_GIB})")
    return 0 if ratio >= LEAST_RATIO and most <= MOST_GIB else 1


def start(stack: ExitStack) -> Task:
    """One task with two workers on an empty database."""
    ca = authority(folder(), "ca")
    cloud, server = Cloud(), MariaDb(ca)
    stack.callback(cloud.close)
    stack.callback(server.close)
    server.create("mlflow", "mlflow", PASSWORD)
    parameter = cloud.parameter(**address(server, "mlflow", cloud.secret("mlflow", PASSWORD)))
    credentials = cloud.secret(USERNAME, PASSWORD)
    task = Task(cloud, parameter, credentials, ca.certificate, MLFLOW_WORKERS=WORKERS)
    stack.callback(task.close)
    return task.start()


def compare(task: Task, seconds: float, rounds: int, clients: int) -> dict[str, float]:
    """Prints a line for each way and request; returns the ratio of the rates."""
    assert task.proxy
    ports = {"bare MLflow": task.port, "through NGINX": task.proxy.port}
    ratios: dict[str, float] = {}
    print(f"{'':<34}{'requests/s':>14}{'p50 ms':>10}{'p95 ms':>10}")
    for what, request in REQUESTS.items():
        figures = {way: Figures() for way in ports}
        for port in ports.values():  # warm: every worker has its connections
            load(port, request, 1.0, clients, Figures())
        for _ in range(rounds):
            for way, port in ports.items():
                load(port, request, seconds, clients, figures[way])
        for way, one in figures.items():
            print(f"{what + ', ' + way:<34}{one.rate:>14.1f}{one.percentile(50):>10.1f}{one.percentile(95):>10.1f}")
        ratios[what] = figures["through NGINX"].rate / figures["bare MLflow"].rate
        print(f"{'ratio':<34}{ratios[what]:>14.2f}")
    return ratios


def load(port: int, request: tuple[str, str, bytes | None], seconds: float, clients: int, figures: Figures) -> None:
    """Asks over so many kept connections for so long."""
    method, path, body = request
    token = b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    started = time.perf_counter()
    failures: list[str] = []

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while (begun := time.perf_counter()) < started + seconds:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                failures.append(f"{path} answers {answer.status}")
                return
            figures.latencies.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise SystemExit(failures[0])
    figures.seconds += time.perf_counter() - started


class Peak:
    """Looks at the memory each second; `stop` returns the largest look."""

    def __init__(self, look: Callable[[], dict[str, float]]) -> None:
        self._look = look
        self._largest = look()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> dict[str, float]:
        """Ends the watch and returns the largest look."""
        self._ended.set()
        self._thread.join()
        return self._largest

    def _watch(self) -> None:
        while not self._ended.wait(1):
            self._largest = max(self._largest, self._look(), key=lambda parts: sum(parts.values()))


def task_memory(task: Task) -> dict[str, float]:
    """GiB of the task's processes: what they share counts once."""
    assert task.mlflow
    assert task.proxy
    return {"MLflow": pss(task.mlflow.pid), "NGINX": pss(task.proxy.process.pid)}


def pss(pid: int) -> float:
    """Proportional set size of a process and its descendants in GiB."""
    total = 0
    for process in tree(pid):
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / (1 << 20)


if __name__ == "__main__":
    sys.exit(main())
