"""The AI gateway as its container runs it: MLflow's own gateway, keys from Secrets Manager, a provider of our own."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest
import requests

from lib.ai_gateway import configuration, secrets
from settings.ai_gateway import GatewayEndpoint
from tests.services.cloud import Cloud
from tests.services.processes import MLFLOW_PYTHON, PATIENCE, Process, free_port, python_path, wait_for

KEY, NEW_KEY = "sk-of-the-company", "sk-after-rotation"


class Provider(ThreadingHTTPServer):
    """What answers instead of OpenAI and Bedrock, and remembers where and with which key it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.keys: list[str] = []
        self.paths: list[str] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Answers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Provider)
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.keys.append(self.headers["Authorization"])
        self.server.paths.append(self.path)
        answer = _as_bedrock(question) if self.path.endswith("/converse") else _as_openai(question)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


def _as_openai(question: dict[str, Any]) -> dict[str, Any]:
    message = {"role": "assistant", "content": f"to {question['messages'][0]['content']}"}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": question["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def _as_bedrock(question: dict[str, Any]) -> dict[str, Any]:
    text = f"to {question['messages'][0]['content'][0]['text']}"
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
    }


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    yield server
    server.shutdown()


def _openai(arn: str, url: str) -> GatewayEndpoint:
    return GatewayEndpoint.model_validate(
        {
            "name": "chat",
            "endpointType": "llm/v1/chat",
            "provider": "openai",
            "model": "gpt-4o-mini",
            "config": {"openai_api_base": url},
            "secrets": {"openai_api_key": arn},
            "limit": {"calls": 3, "renewalPeriod": "minute"},
        }
    )


def _start(cloud: Cloud, endpoints: list[GatewayEndpoint], port: int, **variables: str) -> Process:
    environment = cloud.environment() | {
        "PYTHONPATH": python_path("mlflow"),
        "HOME": "/tmp",
        "AI_GATEWAY_CONFIG": json.dumps(configuration(endpoints)),
        "AI_GATEWAY_VARIABLES": json.dumps(dict(secrets(endpoints))),
        "AI_GATEWAY_FILE": f"/tmp/ai-gateway-{port}.json",
        "MLFLOW_PORT": str(port),
        "MLFLOW_WORKERS": "1",
        "MLFLOW_SECRET_POLL_SECONDS": "1",
        "MLFLOW_RESTART_JITTER_SECONDS": "0",
        **variables,
    }
    return Process([MLFLOW_PYTHON, "-m", "mlflow_service", "gateway"], env=environment)


def _health(port: int) -> int:
    check = Process(
        [MLFLOW_PYTHON, "-m", "mlflow_service", "health"],
        env={"PYTHONPATH": python_path("mlflow"), "MLFLOW_PORT": str(port)},
    )
    return check.wait()


def test_the_company_s_key_reaches_the_provider_and_nobody_else(cloud: Cloud, provider: Provider) -> None:
    arn = cloud.secrets.create_secret(Name="openai", SecretString=KEY)["ARN"]
    port = free_port()
    gateway = _start(cloud, [_openai(arn, provider.url)], port)
    try:
        wait_for(lambda: _health(port) == 0, "the gateway", gateway)
        url = f"http://127.0.0.1:{port}/gateway/chat/invocations"
        question = {"messages": [{"role": "user", "content": "hello"}]}
        answers = [requests.post(url, json=question, timeout=PATIENCE) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[0].json()["choices"][0]["message"]["content"] == "to hello"
        assert provider.keys == [f"Bearer {KEY}"] * 3
        described = requests.get(f"http://127.0.0.1:{port}/api/2.0/endpoints/", timeout=PATIENCE).text
        assert KEY not in described + gateway.output()

        cloud.secrets.put_secret_value(SecretId=arn, SecretString=NEW_KEY)
        assert gateway.wait() == 75, gateway.output()
        gateway = _start(cloud, [_openai(arn, provider.url)], port)
        wait_for(lambda: _health(port) == 0, "the gateway again", gateway)
        assert requests.post(url, json=question, timeout=PATIENCE).status_code == 200
        assert provider.keys[-1] == f"Bearer {NEW_KEY}"
    finally:
        gateway.stop()


def test_a_missing_key_ends_it_with_the_reason(cloud: Cloud) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:nothing-a1B2c3"
    gateway = _start(cloud, [_openai(arn, "http://127.0.0.1:1/v1")], free_port())
    assert gateway.wait() == 78, gateway.output()
    assert "nothing-a1B2c3" in gateway.output()


SONNET = "anthropic.claude-sonnet-4-20250514-v1:0"
PROFILES = {
    "id": f"eu.{SONNET}",
    "arn": f"arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.{SONNET}",
    "application": "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/ab12cd34ef56",
}


def test_bedrock_is_asked_for_the_profile_as_the_task_s_role(cloud: Cloud, provider: Provider) -> None:
    port = free_port()
    endpoints = [
        GatewayEndpoint.model_validate(
            {"name": name, "endpointType": "llm/v1/chat", "provider": "bedrock", "model": model}
        )
        for name, model in PROFILES.items()
    ]
    address = provider.url.removesuffix("/v1")
    gateway = _start(cloud, endpoints, port, AWS_ENDPOINT_URL_BEDROCK_RUNTIME=address)
    try:
        wait_for(lambda: _health(port) == 0, "the gateway", gateway)
        for name in PROFILES:
            url = f"http://127.0.0.1:{port}/gateway/{name}/invocations"
            question = {"messages": [{"role": "user", "content": "hello"}]}
            answer = requests.post(url, json=question, timeout=PATIENCE)
            assert answer.json()["choices"][0]["message"]["content"] == "to hello", gateway.output()
        assert [unquote(path) for path in provider.paths] == [f"/model/{model}/converse" for model in PROFILES.values()]
        assert all(key.startswith("AWS4-HMAC-SHA256") for key in provider.keys)
    finally:
        gateway.stop()
