"""Requests per second and latency through NGINX against bare MLflow, and the memory of one task.

`python -m bench.service [--seconds 5] [--rounds 3]`: starts MariaDB, moto and one task as tests/services does, then
asks MLflow the same by turns directly, through NGINX with a password, and through NGINX with a bearer token, so that
what else the machine does weighs on all. Exits 1 if an aim is missed.
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
from tests.services.oidc import CLIENT, Issuer
from tests.services.processes import folder, tree, wait_for
from tests.services.task import Authoriser, Proxy, Task, address

LEAST_RATIO = 0.9
MOST_GIB = 0.8
USERNAME = "admin"
PASSWORD = "p" * 32  # as long as the one that the program generates
WORKERS = "2"
BODY = json.dumps({"max_results": 5}).encode()
PASSWORD_WAY, TOKEN_WAY = "through NGINX, password", "through NGINX, token"
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
        bench = start(stack)
        time.sleep(3)
        memory = {"at rest": bench.memory()}
        peak = Peak(bench.memory)
        ratios = compare(bench, arguments.seconds, arguments.rounds, arguments.clients)
        memory["under load"] = peak.stop()
    names = "".join(f"{name:>14}" for name in memory["at rest"])
    print(f"\n{'memory of the task (PSS, GiB)':<46}{names}     total")
    for when, parts in memory.items():
        print(f"{when:<46}" + "".join(f"{part:>14.3f}" for part in parts.values()) + f"{sum(parts.values()):>10.3f}")
    most = max(sum(parts.values()) for parts in memory.values())
    print()
    for way in (PASSWORD_WAY, TOKEN_WAY):
        print(f"{way} / bare: {ratios[way]:.2f} (aim: at least {LEAST_RATIO})")
    print(f"memory of one task: {most:.2f} GiB (aim: at most {MOST_GIB})")
    return 0 if min(ratios.values()) >= LEAST_RATIO and most <= MOST_GIB else 1


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One task whose MLflow has two proxies: the task's own, and one that asks for tokens."""

    task: Task
    authoriser: Authoriser
    token_proxy: Proxy
    token: str

    def ways(self) -> dict[str, tuple[int, str]]:
        """Port and `Authorization` of each way to MLflow."""
        assert self.task.proxy
        basic = f"Basic {b64encode(f'{USERNAME}:{PASSWORD}'.encode()).decode()}"
        return {
            "bare MLflow": (self.task.port, basic),
            PASSWORD_WAY: (self.task.proxy.port, basic),
            TOKEN_WAY: (self.token_proxy.port, f"Bearer {self.token}"),
        }

    def memory(self) -> dict[str, float]:
        """GiB of the processes of a task with tokens: what they share counts once."""
        assert self.task.mlflow
        processes = {
            "MLflow": self.task.mlflow,
            "NGINX": self.token_proxy.process,
            "authoriser": self.authoriser.process,
        }
        return {name: pss(process.pid) for name, process in processes.items()}


def start(stack: ExitStack) -> Bench:
    """One task with two workers on an empty database, and an issuer of tokens."""
    ca = authority(folder(), "ca")
    cloud, server = Cloud(), MariaDb(ca)
    stack.callback(cloud.close)
    stack.callback(server.close)
    server.create("mlflow", "mlflow", PASSWORD)
    parameter = cloud.parameter(**address(server, "mlflow", cloud.secret("mlflow", PASSWORD)))
    credentials = cloud.secret(USERNAME, PASSWORD)
    task = Task(cloud, parameter, credentials, ca.certificate, MLFLOW_WORKERS=WORKERS)
    stack.callback(task.close)
    task.start()
    issuer = Issuer().up()
    stack.callback(issuer.down)
    authoriser = Authoriser(cloud, cloud.parameter(issuer=issuer.url, audience=[CLIENT]))
    stack.callback(authoriser.close)
    wait_for(authoriser.healthy, "the authoriser", authoriser.process)
    proxy = Proxy(task.port, None, **authoriser.proxy_environment())
    stack.callback(proxy.close)
    token = issuer.access(exp=int(time.time()) + 3600)
    return Bench(task=task, authoriser=authoriser, token_proxy=proxy, token=token)


def compare(bench: Bench, seconds: float, rounds: int, clients: int) -> dict[str, float]:
    """Prints a line for each way and request; returns the rates through NGINX over the bare one, with the database."""
    ways = bench.ways()
    ratios: list[dict[str, float]] = []
    print(f"{'':<46}{'requests/s':>14}{'p50 ms':>10}{'p95 ms':>10}{'of bare':>10}")
    for what, request in REQUESTS.items():
        figures = {name: Figures() for name in ways}
        for way in ways.values():  # warm: every worker has its connections
            load(way, request, 1.0, clients, Figures())
        for _ in range(rounds):
            for name, way in ways.items():
                load(way, request, seconds, clients, figures[name])
        bare = figures["bare MLflow"].rate
        for name, one in figures.items():
            line = f"{one.rate:>14.1f}{one.percentile(50):>10.1f}{one.percentile(95):>10.1f}{one.rate / bare:>10.2f}"
            print(f"{what + ', ' + name:<46}{line}")
        ratios.append({name: figures[name].rate / bare for name in (PASSWORD_WAY, TOKEN_WAY)})
    return ratios[0]


def load(
    way: tuple[int, str], request: tuple[str, str, bytes | None], seconds: float, clients: int, figures: Figures
) -> None:
    """Asks over so many kept connections for so long."""
    (port, login), (method, path, body) = way, request
    headers = {"Authorization": login, "Content-Type": "application/json"}
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
