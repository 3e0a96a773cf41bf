"""A login service with Cognito's paths and claims, on Authlib's server: every grant of the platform, and revocation.

Issuer and login pages have different addresses, as Cognito's have. Access tokens are signed, with `client_id` and no
`aud` (Cognito developer guide, "Understanding the access token"), so that MLflow's authoriser takes them.
"""

import contextlib
import json
import logging
import secrets
import threading
import time
import uuid
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import flask
import requests
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server

from tests.services.processes import PATIENCE

POOL = "eu-west-1_Test00000"
SCOPES = "openid email profile"
NOTEBOOK_SCOPE = "mlplatform-prod/access"
NOTEBOOK_SECRET = "note-secret"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
FORM = """<!doctype html><html lang=en><title>Log in</title><main><h1>Log in</h1><form method=post>
<label>User name <input name=username autofocus></label> <button>Log in</button>
<button name=deny value=1>Cancel</button></form></main></html>"""


@dataclass(frozen=True)
class User:
    """Somebody with an account."""

    name: str
    sub: str


@dataclass(frozen=True)
class Client(ClientMixin):
    """An app client, with the methods that Authlib asks for."""

    client_id: str
    scopes: str
    grant_types: Sequence[str]
    redirect_uris: Sequence[str] = ()
    secret: str | None = None

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return ""  # none: Cognito wants redirect_uri in each request

    def get_allowed_scope(self, scope: Any) -> str:
        return " ".join(word for word in (scope or self.scopes).split() if word in self.scopes.split())

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return self.secret is not None and secrets.compare_digest(self.secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return (method == "none") == (self.secret is None)

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grant_types


@dataclass(frozen=True)
class Code:
    """An authorization code."""

    code: str
    client: Client
    user: User
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass(frozen=True)
class Refresh(TokenMixin):
    """A refresh token."""

    token: str
    client: Client
    user: User
    scope: str

    def check_client(self, client: ClientMixin) -> bool:
        return client is self.client

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Device:
    """A device that waits for its user."""

    user_code: str
    client_id: str
    scope: str
    answer: tuple[User, bool] | None = None

    def get_client_id(self) -> str:
        return self.client_id

    def get_scope(self) -> str:
        return self.scope

    def get_user_code(self) -> str:
        return self.user_code

    def is_expired(self) -> bool:
        return False


class Provider:
    """The service, and what tests change about it while it runs."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.lifetime = 3600.0
        """Seconds that new tokens are valid."""
        self.rotate_refresh = False
        """Whether each refresh gives a new refresh token and ends the old one."""
        self.device = False
        """Whether the discovery document offers the device grant; Cognito's does not."""
        self.id_claims: dict[str, Any] = {}
        """Claims that replace those of new id tokens."""
        self.delay = 0.0
        """Seconds that the token endpoint takes."""
        self.asked: list[str] = []
        """Grant types that the token endpoint was asked for, in order."""
        self.ports = ports
        loopback = [f"http://localhost:{port}/callback" for port in ports]
        self.cli = Client("cli", SCOPES, ["authorization_code", "refresh_token", DEVICE], loopback)
        self.notebook = Client("notebook", NOTEBOOK_SCOPE, ["client_credentials"], secret=NOTEBOOK_SECRET)
        self.users = {name: User(name, str(uuid.uuid4())) for name in ("ann", "bob")}
        self.codes: dict[str, Code] = {}
        self.refreshes: dict[str, Refresh] = {}
        self.devices: dict[str, Device] = {}
        self.key = RSAKey.generate_key(2048, {"kid": uuid.uuid4().hex, "use": "sig", "alg": "RS256"})
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = make_server("127.0.0.1", 0, _application(self), threaded=True)
        self.login_url = f"http://localhost:{self._server.server_port}"
        self.issuer = f"http://127.0.0.1:{self._server.server_port}/{POOL}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def config(self, **more: Any) -> dict[str, Any]:
        """What the page's `config.json` says of it."""
        known = {"stack": "prod", "issuer": self.issuer, "loginUrl": self.login_url, "cliClientId": "cli"}
        return known | {"cliCallbackPorts": list(self.ports), "mlflowTrackingUri": "https://mlflow.example.com"} | more

    def notebook_secret(self) -> str:
        """The secret with which notebooks get tokens, as the platform writes it."""
        fields = {"clientId": "notebook", "clientSecret": NOTEBOOK_SECRET, "scope": NOTEBOOK_SCOPE}
        return json.dumps(fields | {"tokenUrl": f"{self.login_url}/oauth2/token"})

    def sign(self, claims: Mapping[str, Any]) -> str:
        now = int(time.time())
        times = {"iat": now, "auth_time": now, "exp": int(time.time() + self.lifetime), "jti": uuid.uuid4().hex}
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, {"iss": self.issuer, **times, **claims}, self.key)

    def approve(self, url: str, user: str = "ann") -> str:
        """Logs in at an authorize address as a person does in a browser; gives the address that it leads to."""
        assert requests.get(url, timeout=PATIENCE).status_code == 200
        answer = requests.post(url, data={"username": user}, allow_redirects=False, timeout=PATIENCE)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def decide(self, approved: bool, user: str = "ann") -> None:
        """Answers every device that waits."""
        for device in self.devices.values():
            device.answer = (self.users[user], approved)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _grants(provider: Provider) -> list[tuple[Any, list[Any]]]:
    class CodeGrant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["none"]

        def save_authorization_code(self, code: str, request: Any) -> None:
            asked = request.payload.data
            provider.codes[code] = Code(
                code=code,
                client=request.client,
                user=request.user,
                redirect_uri=request.payload.redirect_uri,
                scope=request.scope,
                nonce=asked.get("nonce"),
                code_challenge=asked.get("code_challenge"),
                code_challenge_method=asked.get("code_challenge_method"),
            )

        def query_authorization_code(self, code: str, client: ClientMixin) -> Code | None:
            found = provider.codes.get(code)
            return found if found and found.client is client else None

        def delete_authorization_code(self, authorization_code: Code) -> None:
            del provider.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: Code) -> User:
            return authorization_code.user

    class RefreshGrant(grants.RefreshTokenGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["none"]

        def issue_token(self, user: User, refresh_token: TokenMixin) -> Any:
            scope, rotate = refresh_token.get_scope(), provider.rotate_refresh
            return self.generate_token(user=user, scope=scope, include_refresh_token=rotate)

        def authenticate_refresh_token(self, refresh_token: str) -> Refresh:
            if found := provider.refreshes.get(refresh_token):
                return found
            raise InvalidGrantError("Invalid Refresh Token")

        def authenticate_user(self, refresh_token: Refresh) -> User:
            return refresh_token.user

        def revoke_old_credential(self, refresh_token: TokenMixin) -> None:
            if provider.rotate_refresh:
                del provider.refreshes[cast("Refresh", refresh_token).token]

    class DeviceGrant(DeviceCodeGrant):
        def query_device_credential(self, device_code: str) -> Device | None:
            return provider.devices.get(device_code)

        def query_user_grant(self, user_code: str) -> tuple[User, bool] | None:
            return next(device.answer for device in provider.devices.values() if device.user_code == user_code)

        def should_slow_down(self, credential: Device) -> bool:
            return False

    class OnlyS256(CodeChallenge):
        SUPPORTED_CODE_CHALLENGE_METHOD = ["S256"]

        def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
            super().validate_code_challenge(grant, redirect_uri)
            if grant.request.payload.data.get("code_challenge_method") != "S256":
                raise InvalidRequestError("code_challenge_method must be S256")

    pkce = OnlyS256(required=True)
    return [(CodeGrant, [pkce]), (RefreshGrant, []), (DeviceGrant, []), (grants.ClientCredentialsGrant, [])]


def _application(provider: Provider) -> flask.Flask:
    application = flask.Flask(__name__)

    def tokens(
        *, client: Client, user: User | None, scope: str | None, include_refresh_token: bool, **_: Any
    ) -> dict[str, Any]:
        claims: dict[str, Any] = {"client_id": client.client_id, "token_use": "access", "scope": scope or client.scopes}
        person = {"sub": user.sub, "username": user.name} if user else {"sub": client.client_id}
        made: dict[str, Any] = {
            "access_token": provider.sign({**claims, **person}),
            "token_type": "Bearer",
            "expires_in": int(provider.lifetime),
        }
        if include_refresh_token and user is not None:
            refresh = Refresh(secrets.token_urlsafe(48), client, user, scope or "")
            provider.refreshes[refresh.token] = refresh
            made["refresh_token"] = refresh.token
        return made

    def save(token: dict[str, Any], request: Any) -> None:
        """Adds the id token, which a client without a user has not."""
        if request.user is None:
            return
        claims = {"sub": request.user.sub, "aud": request.client.client_id, "token_use": "id"}
        claims |= {"cognito:username": request.user.name, "email": f"{request.user.name}@example.com"}
        if request.authorization_code and request.authorization_code.nonce:
            claims["nonce"] = request.authorization_code.nonce
        token["id_token"] = provider.sign({**claims, **provider.id_claims})

    def client(client_id: str) -> Client | None:
        return {"cli": provider.cli, "notebook": provider.notebook}.get(client_id)

    server = AuthorizationServer(application, query_client=client, save_token=save)
    server.register_token_generator("default", cast("Any", tokens))
    for grant, extensions in _grants(provider):
        server.register_grant(grant, extensions)

    class Revocation(RevocationEndpoint):
        CLIENT_AUTH_METHODS = ["none"]

        def query_token(self, token_string: str, token_type_hint: str | None) -> Refresh | None:
            return provider.refreshes.get(token_string)

        def revoke_token(self, token: Refresh, request: Any) -> None:
            del provider.refreshes[token.token]

    class DeviceAuthorization(DeviceAuthorizationEndpoint):
        INTERVAL = 1

        def get_verification_uri(self) -> str:
            return f"{provider.login_url}/device"

        def save_device_credential(self, client_id: str, scope: str, data: Mapping[str, Any]) -> None:
            provider.devices[data["device_code"]] = Device(data["user_code"], client_id, scope)

    server.register_endpoint(Revocation)
    server.register_endpoint(DeviceAuthorization)

    @application.get(f"/{POOL}/.well-known/openid-configuration")
    def _discovery() -> Any:
        at = f"{provider.login_url}/oauth2"
        document = {
            "issuer": provider.issuer,
            "jwks_uri": f"{provider.issuer}/.well-known/jwks.json",
            "authorization_endpoint": f"{at}/authorize",
            "token_endpoint": f"{at}/token",
            "revocation_endpoint": f"{at}/revoke",
        }
        return document | ({"device_authorization_endpoint": f"{at}/device"} if provider.device else {})

    @application.get(f"/{POOL}/.well-known/jwks.json")
    def _key_set() -> Any:
        return KeySet([provider.key]).as_dict(private=False)

    @application.route("/oauth2/authorize", methods=["GET", "POST"])
    def _authorize() -> Any:
        user = provider.users.get(flask.request.form.get("username", ""))
        try:
            grant = server.get_consent_grant(end_user=user)
        except OAuth2Error as error:
            return server.handle_error_response(cast("Any", flask.request), error)
        if user is None and "deny" not in flask.request.form:
            return FORM
        return server.create_authorization_response(grant_user=user, grant=grant)

    @application.post("/oauth2/token")
    def _token() -> Any:
        provider.asked.append(flask.request.form.get("grant_type", ""))
        time.sleep(provider.delay)
        return server.create_token_response()

    @application.post("/oauth2/revoke")
    def _revoke() -> Any:
        return server.create_endpoint_response("revocation")

    @application.post("/oauth2/device")
    def _device() -> Any:
        return server.create_endpoint_response("device_authorization")

    return application


@contextlib.contextmanager
def local_provider(ports: Sequence[int]) -> Generator[Provider]:
    """A provider whose command-line client may lead back to these ports."""
    made = Provider(ports)
    try:
        yield made
    finally:
        made.close()
