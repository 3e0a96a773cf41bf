"""Between a program and the emulated account: notes each request as IAM would see it, and passes it on."""

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.services.cloud import REGION
from tests.services.processes import PATIENCE
from tests.unit.iam_evaluator import Account, Request

ACCOUNT = Account(region=REGION, account_id="123456789012")
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT.account_id}:key/{uuid.UUID(int=0)}"


def arn(service: str, resource: str) -> str:
    """ARN of the emulated account; of an ARN itself."""
    return resource if resource.startswith("arn:") else f"arn:aws:{service}:{REGION}:{ACCOUNT.account_id}:{resource}"


def use_of_key(action: str, service: str, alias: str) -> Request:
    """What a service asks of KMS on the caller's behalf."""
    via = {"kms:ViaService": f"{service}.{REGION}.amazonaws.com", "kms:ResourceAliases": (f"alias/{alias}",)}
    return ACCOUNT.request(f"kms:{action}", KEY, **via)


def pass_role(role: str, *services: str) -> list[Request]:
    """What a service checks before it takes a role; of several, it is not known which it names."""
    return [
        ACCOUNT.request("iam:PassRole", role, **{"iam:PassedToService": f"{service}.amazonaws.com"})
        for service in services
    ]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request on the wire.

    Args:
        service: What it was signed for, such as `s3`.
        method: HTTP's.
        path: Without query.
        query: With empty values too.
        headers: By their names in lower case.
        body: Parsed JSON, if it is that.
    """

    service: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def operation(self) -> str:
        """The operation, of services that name it: by a header, or by the path."""
        target = self.headers.get("x-amz-target", "")
        return target.rpartition(".")[2] or self.path.rpartition("/")[2]


class Answers:
    """What AWS says where the emulator does not: of Batch's jobs, which it would run with Docker, and of a state
    machine that is there already. A job has failed as soon as somebody looks, until `revive`."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self._machines: set[str] = set()

    def revive(self) -> None:
        """Lets all jobs run again, until they are terminated."""
        for job in self.jobs.values():
            job |= {"status": "RUNNING", "stoppedAt": 0}

    def answer(self, sent: Sent) -> Mapping[str, Any] | None:
        """The answer; None where the emulator has it."""
        return {"batch": self._batch, "states": self._states}.get(sent.service, lambda _: None)(sent)

    def _states(self, sent: Sent) -> Mapping[str, Any] | None:
        if sent.operation != "CreateStateMachine":
            return None
        name = str(sent.body["name"])
        if name in self._machines:
            message = f"State Machine Already Exists: '{arn('states', f'stateMachine:{name}')}'"
            return {"__type": "StateMachineAlreadyExists", "message": message}
        self._machines.add(name)
        return None

    def _batch(self, sent: Sent) -> Mapping[str, Any] | None:
        body, now = sent.body, int(time.time() * 1000)
        match sent.operation:
            case "submitjob":
                job = str(uuid.uuid4())
                self.jobs[job] = {
                    **{"jobId": job, "jobName": body["jobName"], "jobArn": arn("batch", f"job/{job}")},
                    **{"jobQueue": body["jobQueue"], "parameters": body["parameters"], "tags": body["tags"]},
                    **{"createdAt": now, "stoppedAt": now, "status": "FAILED", "statusReason": "", "container": {}},
                }
                return {key: self.jobs[job][key] for key in ("jobId", "jobName", "jobArn")}
            case "describejobs":
                return {"jobs": [self.jobs[job] for job in body["jobs"]]}
            case "listjobs":
                keys = ("jobId", "jobName", "createdAt", "status")
                those = [job for job in self.jobs.values() if job["status"] == body["jobStatus"]]
                return {"jobSummaryList": [{key: job[key] for key in keys} for job in those]}
            case "terminatejob":
                self.jobs[body["jobId"]] |= {"status": "FAILED", "stoppedAt": now}
                return {}
            case _:
                return None


class Wire:
    """The server: `url` is what AWS_ENDPOINT_URL names.

    Args:
        port: Where the emulator listens.
        key_alias: Alias of the key under which everything is.
    """

    def __init__(self, port: int, *, key_alias: str) -> None:
        self.sent: list[Sent] = []
        self.answers, self._port, self._alias = Answers(), port, key_alias
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                wire._handle(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any  # noqa: N815 - http.server's names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def requests(self) -> list[Request]:
        """All that was asked, each once."""
        found: dict[str, Request] = {}
        for sent in self.sent:
            for request in self.needs(sent):
                found.setdefault(repr((request.action, request.resources, sorted(request.context.items()))), request)
        return list(found.values())

    def needs(self, sent: Sent) -> list[Request]:
        """What one request on the wire needs to be allowed."""
        return list(_NEEDS[sent.service](self, sent))

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        raw = _body(handler)
        parts = urlsplit(handler.path)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", headers.get("authorization", "")) or re.search(
            r"/\d+/[^/]+/([^/]+)/aws4_request", query.get("X-Amz-Credential", "")
        )
        service = scope[1] if scope else "unsigned"
        parsed = json.loads(raw) if service != "s3" and raw[:1] == b"{" else {}
        sent = Sent(
            service=service,
            method=handler.command,
            path=unquote(parts.path),
            query=query,
            headers=headers,
            body=parsed,
        )
        self.sent.append(sent)
        own = self.answers.answer(sent)
        if own is not None:
            status = 400 if "__type" in own else 200
            _reply(handler, status, {"Content-Type": "application/json"}, json.dumps(own).encode())
            return
        connection = HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        onward = {name: value for name, value in handler.headers.items() if name.lower() not in _HOP}
        connection.request(handler.command, handler.path, body=raw, headers={**onward, "Content-Length": str(len(raw))})
        answer = connection.getresponse()
        _reply(handler, answer.status, dict(answer.getheaders()), answer.read())
        connection.close()

    def _s3(self, sent: Sent) -> Iterator[Request]:
        bucket, _, key = sent.path.lstrip("/").partition("/")
        kind = "REST-HEADER" if "authorization" in sent.headers else "REST-QUERY-STRING"
        how = {"s3:authType": kind}
        if not key:
            prefix = {"s3:prefix": sent.query["prefix"]} if "prefix" in sent.query else {}
            yield ACCOUNT.request("s3:ListBucket", f"arn:aws:s3:::{bucket}", **how, **prefix)
            return
        actions = {
            "GET": ("s3:GetObject", "Decrypt"),
            "HEAD": ("s3:GetObject", "Decrypt"),
            "PUT": ("s3:PutObject", "GenerateDataKey"),
            "POST": ("s3:PutObject", "Decrypt"),  # parts are put together
            "DELETE": ("s3:AbortMultipartUpload" if "uploadId" in sent.query else "s3:DeleteObject", None),
        }
        action, use = actions[sent.method]
        yield ACCOUNT.request(action, f"arn:aws:s3:::{bucket}/{key}", **how)
        if sent.method in ("GET", "HEAD"):
            # What decides between 404 and 403 where nothing is there.
            yield ACCOUNT.request("s3:ListBucket", f"arn:aws:s3:::{bucket}", **how, **{"s3:prefix": key})
        if use is not None:
            yield use_of_key(use, "s3", self._alias)

    def _dynamodb(self, sent: Sent) -> Iterator[Request]:
        yield ACCOUNT.request(f"dynamodb:{sent.operation}", arn("dynamodb", f"table/{sent.body['TableName']}"))
        yield use_of_key("Decrypt", "dynamodb", self._alias)

    def _states(self, sent: Sent) -> Iterator[Request]:
        body = sent.body
        named = body.get("stateMachineArn") or body.get("executionArn")
        if named is None and "name" in body:
            named = arn("states", f"stateMachine:{body['name']}")
        yield ACCOUNT.request(f"states:{sent.operation}", *([named] if named else []))
        if "roleArn" in body:
            yield from pass_role(body["roleArn"], "states")

    def _events(self, sent: Sent) -> Iterator[Request]:
        rule = sent.body.get("Rule") or sent.body["Name"]
        yield ACCOUNT.request(f"events:{sent.operation}", arn("events", f"rule/{rule}"))
        for target in sent.body.get("Targets", []):
            yield from pass_role(target["RoleArn"], "events")

    def _batch(self, sent: Sent) -> Iterator[Request]:
        body = sent.body
        match sent.operation:
            case "submitjob":
                yield from submit(body["jobQueue"], body["jobDefinition"], tags=body.get("tags", {}))
            case "registerjobdefinition":
                definition = arn("batch", f"job-definition/{body['jobDefinitionName']}")
                yield ACCOUNT.request("batch:RegisterJobDefinition", definition)
                for role in ("jobRoleArn", "executionRoleArn"):
                    if role in body["containerProperties"]:
                        yield from pass_role(body["containerProperties"][role], "batch", "ecs-tasks")
                if "tags" in body:
                    yield ACCOUNT.request("batch:TagResource", f"{definition}:1")
            case "terminatejob":
                tags = {f"aws:ResourceTag/{k}": v for k, v in self.answers.jobs[body["jobId"]]["tags"].items()}
                yield ACCOUNT.request("batch:TerminateJob", arn("batch", f"job/{body['jobId']}"), **tags)
            case other:
                yield ACCOUNT.request(f"batch:{_LOOKING[other]}")


def submit(queue: str, definition: str, *, tags: Mapping[str, str]) -> Iterator[Request]:
    """A job is submitted: to a queue, by a definition, as a job, which may have tags."""
    job = arn("batch", f"job/{uuid.UUID(int=1)}")
    definition = definition if definition.startswith("arn:") else f"job-definition/{definition}"
    queue = queue if queue.startswith("arn:") else f"job-queue/{queue}"
    yield ACCOUNT.request("batch:SubmitJob", arn("batch", queue), arn("batch", definition), job)
    if tags:
        yield ACCOUNT.request("batch:TagResource", job)


_LOOKING = {
    "describejobs": "DescribeJobs",
    "listjobs": "ListJobs",
    "describejobqueues": "DescribeJobQueues",
    "describejobdefinitions": "DescribeJobDefinitions",
    "describecomputeenvironments": "DescribeComputeEnvironments",
}
_NEEDS: Mapping[str, Callable[[Wire, Sent], Iterator[Request]]] = {
    "s3": Wire._s3,
    "dynamodb": Wire._dynamodb,
    "states": Wire._states,
    "events": Wire._events,
    "batch": Wire._batch,
}
"""Services that may be asked; anything else is an error."""

_HOP = frozenset({"connection", "transfer-encoding", "content-length", "expect", "keep-alive"})


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    found = b""
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        found += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return found


def _reply(handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], body: bytes) -> None:
    handler.send_response_only(status)
    for name, value in headers.items():
        if name.lower() not in _HOP:
            handler.send_header(name, value)
    # A HEAD's answer tells the length of what it does not have.
    length = headers.get("Content-Length", "0") if handler.command == "HEAD" else str(len(body))
    handler.send_header("Content-Length", length)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)
