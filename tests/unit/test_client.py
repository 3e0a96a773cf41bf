"""Which token the client gives, and what it says where there is none; test_login.py has the rest with real servers."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli import login, remote
from client.mlplatform_client import TokenError, command, fresh_token, logins, roles, token

OUTPUTS = {"region": "eu-west-1", "mlflowTrackingUri": "https://mlflow.example.com", "artifactRoot": "s3://a/mlflow"}
DOOR = {
    "loginUrl": "https://login.example.com/",
    "CliClientId": "cli",
    "cliCallbackPorts": [8400.0, 8401.0],
    "issuer": "https://issuer.example.com/pool",
    "mlflowTrackingUri": "https://mlflow.example.com",
}
CLIENT = {"clientId": "i", "clientSecret": "s", "scope": "a/b", "tokenUrl": "https://127.0.0.1:1/oauth2/token"}


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without logins and without a role."""
    for name in ("MLFLOW_TRACKING_TOKEN", "MLPLATFORM_STACK", "MLPLATFORM_TOKEN_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    machine(monkeypatch, {})
    return tmp_path / "mlplatform"


def machine(monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str], *, role: bool = False) -> None:
    """A machine whose role may read these secrets."""

    def read(secret_id: str) -> str:
        if secret_id in secrets:
            return secrets[secret_id]
        raise TokenError("AccessDenied") if secrets or role else roles.NoRoleError("no credentials")

    monkeypatch.setattr(roles, "_read", read)
    monkeypatch.setattr(roles, "_granted", {})


def given(monkeypatch: pytest.MonkeyPatch, *secrets: str) -> None:
    """Each of these secrets gives a token of its own name."""
    machine(monkeypatch, {name: json.dumps(CLIENT | {"scope": name}) for name in secrets})
    later = time.time() + 100
    grant = roles.Granted
    monkeypatch.setattr(
        roles, "grant", lambda url, fields, client: grant(f"role:{fields['scope']}", later, later, None, None)
    )


def kept(stack: str, tracking_uri: str = "https://mlflow.example.com") -> None:
    later = time.time() + 100
    logins.save(logins.Login(stack, "https://login.example.com", "cli", tracking_uri, stack, later, later, "refresh"))


def test_a_token_comes_from_the_variable_then_from_the_login_then_by_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, "mlplatform-prod-notebook-client", "own")
    assert token("prod") == "role:mlplatform-prod-notebook-client"
    monkeypatch.setenv("MLPLATFORM_TOKEN_SECRET", "own")
    assert token("prod") == token() == "role:own"
    kept("prod")
    assert token("prod") == "prod"
    assert token() == "role:own", "nothing says that the login's stack is meant"
    monkeypatch.setenv("MLPLATFORM_STACK", "prod")
    assert token() == "prod"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "variable")
    assert token() == "variable"
    assert fresh_token() == "prod"


def test_of_several_logins_the_one_of_the_address_or_of_the_variable_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    kept("dev", "https://mlflow.dev.example.com")
    assert fresh_token() == "dev"
    kept("prod", "https://mlflow.example.com/")
    with pytest.raises(TokenError, match="logged in to dev, prod: set MLPLATFORM_STACK"):
        fresh_token()
    assert fresh_token(url="https://mlflow.example.com/api/2.0/mlflow/runs/create") == "prod"
    assert fresh_token(url="https://mlflow.dev.example.com/") == "dev"
    for stranger in ("https://mlflow.example.com.evil.example.org/api", "http://mlflow.example.com/"):
        with pytest.raises(TokenError, match="not logged in to the stack of http"):
            fresh_token(url=stranger)


def test_without_a_token_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    with pytest.raises(TokenError, match=r"^not logged in: run `make login STACK=<stack>`; .* MLPLATFORM_STACK"):
        token()
    with pytest.raises(TokenError, match=r"^not logged in to stack prod: run `make login STACK=prod`$"):
        token("prod")
    machine(monkeypatch, {}, role=True)
    with pytest.raises(TokenError, match=r"`make login STACK=prod`; nor does this machine's role help: AccessDenied"):
        token("prod")
    kept("prod")
    (home / "prod.json").write_text("{")
    with pytest.raises(TokenError, match=r"prod.json cannot be read .*: run `make login STACK=prod`"):
        token("prod")
    for name in ("../prod", "", ".", "a/b"):
        with pytest.raises(TokenError, match="is not the name of a stack"):
            logins.load(name)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"username": "u", "password": "p"}'])
def test_another_kind_of_secret_is_named(content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, {"mine": content})
    monkeypatch.setenv("MLPLATFORM_TOKEN_SECRET", "mine")
    with pytest.raises(TokenError, match="secret mine is not JSON with clientId, clientSecret, tokenUrl and scope"):
        token()


def test_the_command_prints_a_token_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept("prod")
    for words, code in (["prod"], 0), ([], 0), (["dev"], 1), (["--help"], 2):
        monkeypatch.setattr(command.sys, "argv", ["mlplatform-token", *words])
        assert command.main() == code
        printed = capsys.readouterr()
        assert printed.out == ("" if code else "prod\n")
        assert bool(printed.err) == bool(code)


def test_where_to_log_in_is_known_by_outputs_and_by_the_page(tmp_path: Path) -> None:
    door = login.deployed("prod", DOOR)
    assert (door.stack, door.ports) == ("prod", (8400, 8401))
    assert door.login_url == "https://login.example.com"
    page = tmp_path / "config.json"
    page.write_text(json.dumps({**DOOR, "stack": "prod", "cliClientId": "cli"}))
    assert login.configured(str(page)) == door
    with pytest.raises(TokenError, match="stack dev has no output loginUrl"):
        login.deployed("dev", OUTPUTS)
    page.write_text(json.dumps({key: value for key, value in DOOR.items() if key != "issuer"}))
    with pytest.raises(TokenError, match=r"config.json does not say stack, cliClientId, issuer: deploy"):
        login.configured(str(page))
    page.write_text("<html>")
    for source in (str(page), str(tmp_path / "none.json"), "https://127.0.0.1:1/"):
        with pytest.raises(TokenError, match="cannot be read"):
            login.configured(source)


@dataclass
class StackOutputs:
    """An engine that knows outputs."""

    content: dict[str, Any]

    def outputs(self, stack: str) -> dict[str, Any]:
        return self.content


@pytest.mark.parametrize("logged_in", [True, False])
def test_make_env_gives_a_token_only_where_mlflow_takes_one_and_somebody_is_logged_in(
    logged_in: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def exports(**more: str) -> tuple[str, str]:
        monkeypatch.setattr(remote, "find_engine", lambda root, environment: StackOutputs(OUTPUTS | more))
        assert remote.env(Path(), "prod", with_secrets=False) == 0
        printed = capsys.readouterr()
        return printed.out, printed.err

    if logged_in:
        kept("prod")
    out, err = exports(mlflowAuth="cognito")
    assert ("export MLFLOW_TRACKING_TOKEN=prod\n" in out) == logged_in
    assert ("not logged in to stack prod: run `make login STACK=prod`" in err) != logged_in
    assert "export MLPLATFORM_STACK=prod\n" in out
    assert "SECRET" not in out
    for stack in ({"mlflowAuth": "basic"}, {}):  # without the output: deployed by an older release
        out, err = exports(mlflowSecretArn="arn:secret", **stack)
        assert "export MLFLOW_TRACKING_SECRET_ARN=arn:secret\n" in out
        assert "TOKEN" not in out
        assert "make env STACK=prod SECRETS=1" in out
        assert err == ""
