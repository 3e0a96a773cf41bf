"""`make login`, `token` and `logout`: a person's login to a stack, by the browser or on a device without one.

The authorization code grant with PKCE and a loopback address (RFC 8252, RFC 7636); without a browser the device grant
(RFC 8628) where the provider has it, which Cognito has not, else the same address opened elsewhere by hand.
"""

import base64
import hashlib
import hmac
import html
import json
import queue
import secrets
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from client.mlplatform_client import TokenError, fresh_token, logins
from client.mlplatform_client.oauth import TIMEOUT_SECONDS, Granted, RefusedError, ask, grant, safe_url

SCOPE = "openid email profile"
CALLBACK_PATH = "/callback"
WAIT_SECONDS = 300
CLOCK_SKEW_SECONDS = 60
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;margin:4rem auto;max-width:36rem;padding:0 1rem}}</style></head>
<body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""


@dataclass(frozen=True, kw_only=True)
class Door:
    """Where a stack's users log in.

    Args:
        stack: Name of the stack.
        login_url: Login pages and token endpoint, without a slash at its end.
        client_id: The command line's client.
        ports: Ports of this machine that the client may lead back to.
        issuer: Who signs the tokens.
        tracking_uri: MLflow of the stack.
    """

    stack: str
    login_url: str
    client_id: str
    ports: tuple[int, ...]
    issuer: str
    tracking_uri: str


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """What one login keeps to itself until its answer comes back."""

    redirect_uri: str
    state: str
    nonce: str
    verifier: str

    @classmethod
    def to(cls, port: int) -> "_Attempt":
        return cls(
            redirect_uri=f"http://localhost:{port}{CALLBACK_PATH}",
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
        )

    def address(self, door: Door) -> str:
        """What the browser opens."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": door.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": SCOPE,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{door.login_url}/oauth2/authorize?{urlencode(query)}"

    def redeem(self, door: Door, code: str) -> Granted:
        """Tokens for the code."""
        fields = {"grant_type": "authorization_code", "client_id": door.client_id, "code": code}
        fields |= {"redirect_uri": self.redirect_uri, "code_verifier": self.verifier}
        return _granted(door, fields)


def login(door: Door, *, browser: bool) -> int:
    """Logs a person in and keeps the login on this machine; gives the exit code.

    Args:
        door: Where.
        browser: Whether this machine has a browser.

    Raises:
        TokenError: Nobody logged in; the message says why.
    """
    try:
        claims = log_in(door, browser=browser)
    except KeyboardInterrupt:
        raise TokenError("the login was interrupted; nothing has changed") from None
    who = claims.get("email") or claims.get("cognito:username") or claims["sub"]
    print(f"Logged in to stack {door.stack} as {who}.")
    print(f"MLflow: {door.tracking_uri}")
    return 0


def token(stack: str) -> int:
    """Prints a token that is valid for a while, and nothing else; gives the exit code."""
    print(fresh_token(stack))
    return 0


def logout(stack: str) -> int:
    """Ends a login at the provider and forgets it here; gives the exit code."""
    there = logins.forget(stack)
    print(f"Logged out of stack {stack}." if there else f"Nobody was logged in to stack {stack}.")
    return 0


def deployed(stack: str, outputs: Mapping[str, Any]) -> Door:
    """The door by a stack's outputs.

    Raises:
        TokenError: The stack has no users.
    """
    if not outputs.get("loginUrl"):
        raise TokenError(
            f"stack {stack} has no output loginUrl, so nobody can log in: is it deployed, and is "
            "mlplatform:identity.mode create or existing?"
        )
    return _door({**outputs, "stack": stack, "cliClientId": outputs.get("CliClientId")}, f"stack {stack}")


def configured(source: str) -> Door:
    """The door by the page's `config.json`: its file, its address, or the page's.

    Raises:
        TokenError: It cannot be read, or is something else.
    """
    try:
        if "://" in source:
            url = source if source.endswith(".json") else f"{source.rstrip('/')}/config.json"
            answer = requests.get(safe_url(url), timeout=TIMEOUT_SECONDS)
            answer.raise_for_status()
            content: Any = answer.json()
        else:
            content = json.loads(Path(source).read_text())
    except requests.RequestException as error:
        raise TokenError(f"{source} cannot be read ({error}): it is the address of the platform's page") from None
    except (OSError, ValueError) as error:
        raise TokenError(f"{source} cannot be read ({error}): it is the page's config.json") from None
    if not isinstance(content, dict):
        raise TokenError(f"{source} is not the page's config.json: it holds no object")
    return _door(cast("dict[str, Any]", content), source)


def _door(known: Mapping[str, Any], source: str) -> Door:
    keys = ("stack", "loginUrl", "cliClientId", "cliCallbackPorts", "issuer", "mlflowTrackingUri")
    if missing := [key for key in keys if not known.get(key)]:
        raise TokenError(f"{source} does not say {', '.join(missing)}: deploy the stack again with this release")
    return Door(
        stack=str(known["stack"]),
        login_url=safe_url(str(known["loginUrl"]).rstrip("/")),
        client_id=str(known["cliClientId"]),
        ports=tuple(int(port) for port in known["cliCallbackPorts"]),
        issuer=str(known["issuer"]),
        tracking_uri=str(known["mlflowTrackingUri"]),
    )


def log_in(door: Door, *, browser: bool, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
    """Gets tokens, checks who logged in, and keeps the login.

    Args:
        door: Where.
        browser: Whether this machine has a browser.
        seconds: How long to wait for the browser.

    Returns:
        Claims of the id token.

    Raises:
        TokenError: Nobody logged in; the message says why.
    """
    discovery = _read(f"{door.issuer}/.well-known/openid-configuration")
    device_url = discovery.get("device_authorization_endpoint")
    nonce = None
    if browser:
        granted, nonce = _by_browser(door, seconds)
    elif device_url:
        granted = _by_device(door, str(device_url))
    else:
        granted, nonce = _by_hand(door)
    claims = verified(door, granted.id_token or "", _read(str(discovery.get("jwks_uri"))), nonce)
    logins.save(
        logins.Login(
            stack=door.stack,
            login_url=door.login_url,
            client_id=door.client_id,
            tracking_uri=door.tracking_uri,
            access_token=granted.access_token,
            expires_at=granted.expires_at,
            refresh_at=granted.refresh_at,
            refresh_token=granted.refresh_token,
        )
    )
    return claims


def _read(url: str) -> dict[str, Any]:
    try:
        answer = requests.get(safe_url(url), timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        return cast("dict[str, Any]", answer.json())
    except requests.RequestException as error:
        raise TokenError(f"{url} cannot be read ({error}): check the network, and the stack's output issuer") from None


def _by_browser(door: Door, seconds: float) -> tuple[Granted, str]:
    results: queue.SimpleQueue[str | TokenError] = queue.SimpleQueue()
    server = _listen(door.ports)
    attempt = _Attempt.to(server.server_port)
    server.RequestHandlerClass = _handler(lambda query: answer_of(query, attempt.state), results)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
    try:
        address = attempt.address(door)
        opened = webbrowser.open(address)
        how = "The browser opens" if opened else "Open in a browser of this machine"
        print(f"{how}:\n\n  {address}\n\nwithout a browser here: --no-browser (make login … NO_BROWSER=1)", flush=True)
        result = results.get(timeout=seconds)
    except queue.Empty:
        raise TokenError(f"nobody logged in within {seconds:.0f} s: start again, and log in on the page") from None
    finally:
        server.shutdown()
        server.server_close()
    if isinstance(result, TokenError):
        raise result
    return attempt.redeem(door, result), attempt.nonce


def _listen(ports: tuple[int, ...]) -> ThreadingHTTPServer:
    for port in ports:
        try:
            return ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler)
        except OSError:
            continue
    raise TokenError(
        f"no port to which the browser could come back: {', '.join(map(str, ports))} are all in use on this machine; "
        "end what listens there, change mlplatform:identity.cliCallbackPorts, or log in with --no-browser"
    )


def _handler(
    read: Callable[[str], str], results: "queue.SimpleQueue[str | TokenError]"
) -> type[BaseHTTPRequestHandler]:
    class Callback(BaseHTTPRequestHandler):
        """Takes the browser's answer, and says on a page how it went."""

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path != CALLBACK_PATH:
                self._answer(404, "Not here", "Only a login comes back to this address.")
                return
            try:
                result: str | TokenError = read(asked.query)
                self._answer(200, "Logged in", "You can close this window and go back to the terminal.")
            except TokenError as error:
                result = error
                self._answer(400, "Not logged in", str(error))
            results.put(result)

        def _answer(self, status: int, title: str, text: str) -> None:
            body = PAGE.format(title=html.escape(title), text=html.escape(text)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Nothing: the address holds the code."""

    return Callback


def answer_of(query: str, state: str) -> str:
    """The code in what the browser was led back with.

    Args:
        query: Query of that address.
        state: What was sent along with the request.

    Raises:
        TokenError: The provider refused, or this is the answer to another request.
    """
    fields = dict(parse_qsl(query))
    if not hmac.compare_digest(fields.get("state", ""), state):
        raise TokenError("the answer is not to this login (its state is another): start again, and use the newest page")
    if "error" in fields:
        detail = fields.get("error_description", "")
        raise TokenError(f"the provider refused the login: {fields['error']}{f' ({detail})' if detail else ''}")
    if not fields.get("code"):
        raise TokenError("the provider sent neither a code nor an error: start again")
    return fields["code"]


def _by_hand(door: Door) -> tuple[Granted, str]:
    attempt = _Attempt.to(door.ports[0])
    print(f"Open this address in a browser on any machine, and log in:\n\n  {attempt.address(door)}\n")
    print(f"The browser ends on a page of http://localhost:{door.ports[0]} that it cannot load. That is expected.")
    print("Paste that page's address here, or the code in it: ", end="", flush=True)
    pasted = sys.stdin.readline().strip()
    if not pasted:
        raise TokenError("nothing was pasted: start again, and paste the address on which the browser ended")
    # A code alone comes without its state; the verifier, which only this process knows, binds it to this login.
    code = answer_of(urlsplit(pasted).query, attempt.state) if "?" in pasted else pasted
    return attempt.redeem(door, code), attempt.nonce


def _by_device(door: Door, url: str) -> Granted:
    started = ask(url, {"client_id": door.client_id, "scope": SCOPE})
    address = started.get("verification_uri_complete") or started["verification_uri"]
    print(f"Open {address} in a browser on any machine, and confirm the code {started['user_code']}.", flush=True)
    deadline = time.monotonic() + float(started.get("expires_in") or WAIT_SECONDS)
    pause = float(started.get("interval") or 5)  # RFC 8628, section 3.2
    fields = {"grant_type": DEVICE_GRANT, "client_id": door.client_id, "device_code": str(started["device_code"])}
    while time.monotonic() < deadline:
        time.sleep(pause)
        try:
            return grant(f"{door.login_url}/oauth2/token", fields)
        except RefusedError as error:
            if error.error == "slow_down":
                pause += 5  # RFC 8628, section 3.5
            elif error.error == "expired_token":
                break
            elif error.error != "authorization_pending":
                raise TokenError(f"the provider refused the login: {error}") from None
    raise TokenError("the code was not confirmed in time: start again")


def _granted(door: Door, fields: Mapping[str, str]) -> Granted:
    try:
        return grant(f"{door.login_url}/oauth2/token", fields)
    except RefusedError as error:
        raise TokenError(f"the provider gave no token ({error}): start again; a code works once, and shortly") from None


def verified(door: Door, id_token: str, key_set: Mapping[str, Any], nonce: str | None) -> dict[str, Any]:
    """Claims of an id token that is for us, from the issuer, and for this login (OpenID Connect Core, 3.1.3.7).

    Raises:
        TokenError: It is not.
    """
    if not id_token:
        raise TokenError(f"{door.login_url} gave no id token: is client {door.client_id} allowed the scope openid?")
    wanted: dict[str, Any] = {
        "iss": {"essential": True, "value": door.issuer},
        "aud": {"essential": True, "value": door.client_id},
        "sub": {"essential": True},
        "exp": {"essential": True},
    }
    if nonce is not None:
        wanted["nonce"] = {"essential": True, "value": nonce}
    try:
        keys = KeySet.import_key_set(cast("Any", dict(key_set)))
        claims = jwt.decode(id_token, keys, algorithms=["RS256"]).claims
        jwt.JWTClaimsRegistry(leeway=CLOCK_SKEW_SECONDS, **wanted).validate(claims)
    except (JoseError, ValueError) as error:
        raise TokenError(
            f"the id token is not to be trusted ({error}): check this machine's clock, and the issuer {door.issuer}"
        ) from None
    return claims
