"""The pool's clients: command line, JupyterHub, MLflow's pages, the web page, and notebooks by their role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.encryption import Encryption
from components.identity.pool import UserPool
from lib.identity import token_url
from settings.identity import IdentitySettings

SCOPES = ("openid", "email", "profile")
"""What people's tokens tell. Not `aws.cognito.signin.user.admin`: with it a token could change its own user."""

REFRESH_ONLY = "ALLOW_REFRESH_TOKEN_AUTH"
"""Passwords are entered on the login pages alone. Cognito would allow them for an empty list."""

NOTEBOOK_SCOPE = "access"


@dataclass(frozen=True, kw_only=True)
class Urls:
    """Where people come back to after they logged in or out.

    Args:
        web: Address of the web page, without a slash at its end.
        mlflow_ui: Address of MLflow's pages, likewise.
    """

    web: pulumi.Input[str] | None
    mlflow_ui: pulumi.Input[str] | None


@dataclass(frozen=True, kw_only=True)
class ClientsArgs:
    """The clients to make or to use.

    Args:
        deployment: The stack.
        settings: Token lifetimes, ports and JupyterHub; or the existing clients.
        pool: Their pool.
        encryption: Key of the confidential clients' secrets.
        urls: Where people come back to.
        notebooks: Whether notebooks get tokens by their role.
    """

    deployment: Deployment
    settings: IdentitySettings
    pool: UserPool
    encryption: Encryption
    urls: Urls
    notebooks: bool


@dataclass(frozen=True, kw_only=True)
class _Login:
    """How people log in with a client.

    Args:
        callbacks: Where they come back to; none if there is no such page, and then no login.
        logouts: Where they come back to when they log out.
        own_users: Whether users of the pool itself may log in beside a directory's.
    """

    callbacks: Sequence[pulumi.Input[str]]
    logouts: Sequence[pulumi.Input[str]] = ()
    own_users: bool = False


class Clients(Component):
    """The four documented clients, and one with credentials of its own for notebooks."""

    cli_client_id: pulumi.Output[str]
    """`CliClientId`."""
    jupyterhub_client_id: pulumi.Output[str]
    """`JupyterhubClientId`."""
    mlflowui_client_id: pulumi.Output[str]
    """`MlflowuiClientId`."""
    web_client_id: pulumi.Output[str]
    """`WebClientId`."""
    audience: pulumi.Output[list[str]]
    """Ids of all clients whose tokens the APIs take."""
    notebook_secret: str | None
    """Name of the secret (JSON `clientId`, `clientSecret`, `tokenUrl`, `scope`) with which notebooks get tokens;
    known at preview; None without notebooks."""

    def __init__(self, name: str, args: ClientsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "identity", args.deployment, opts)
        self._args = args
        if args.pool.clients is not None:
            self.cli_client_id = args.pool.clients["cli_client_id"]
            self.jupyterhub_client_id = args.pool.clients["jupyterhub_client_id"]
            self.mlflowui_client_id = args.pool.clients["mlflowui_client_id"]
            self.web_client_id = args.pool.clients["web_client_id"]
        else:
            self._create(name, args)
        ids = [self.cli_client_id, self.jupyterhub_client_id, self.mlflowui_client_id, self.web_client_id]
        self.notebook_secret = args.deployment.names.of("notebook-client") if args.notebooks else None
        if self.notebook_secret is not None:
            ids.append(self._notebooks(name, args, self.notebook_secret))
        self.audience = pulumi.Output.all(*ids).apply(lambda known: [str(id_) for id_ in known])
        self.register_outputs({"cli_client_id": self.cli_client_id, "audience": self.audience})

    def _create(self, name: str, args: ClientsArgs) -> None:
        settings, urls = args.settings, args.urls
        ports = [f"http://localhost:{port}/callback" for port in settings.cli_callback_ports]
        self.cli_client_id = self._people(f"{name}-cli", "cli", _Login(callbacks=ports, own_users=True)).id
        self.mlflowui_client_id = self._people(
            f"{name}-mlflowui",
            "mlflowui",
            _Login(callbacks=_at(urls.mlflow_ui, "/auth/callback"), logouts=_at(urls.mlflow_ui, "/auth/logged-out")),
        ).id
        self.web_client_id = self._people(
            f"{name}-web",
            "web",
            _Login(callbacks=_at(urls.web, "/"), logouts=_at(urls.web, "/"), own_users=True),
        ).id
        jupyterhub = self._people(
            f"{name}-jupyterhub",
            "jupyterhub",
            _Login(callbacks=_at(settings.jupyterhub_url, "/hub/oauth_callback")),
            confidential=True,
        )
        self.jupyterhub_client_id = jupyterhub.id
        self._secret(
            f"{name}-jupyterhub",
            args.deployment.names.of("jupyterhub-client"),
            "Client with which JupyterHub logs its users in",
            {"clientId": jupyterhub.id, "clientSecret": jupyterhub.client_secret},
        )

    def _people(
        self, name: str, suffix: str, login: _Login, *, confidential: bool = False
    ) -> aws.cognito.UserPoolClient:
        """A client by which people log in: authorization code flow on the login pages, with PKCE or a secret."""
        providers = self._args.pool.provider_names
        return self._client(
            name,
            suffix,
            flow="code" if login.callbacks else None,
            scopes=SCOPES,
            confidential=confidential,
            callbacks=login.callbacks,
            logouts=login.logouts,
            providers=providers if login.own_users else providers[:1],
        )

    def _client(
        self,
        name: str,
        suffix: str,
        *,
        flow: str | None,
        scopes: Sequence[pulumi.Input[str]],
        confidential: bool,
        callbacks: Sequence[pulumi.Input[str]] = (),
        logouts: Sequence[pulumi.Input[str]] = (),
        providers: Sequence[pulumi.Input[str]] = (),
    ) -> aws.cognito.UserPoolClient:
        settings = self._args.settings
        return aws.cognito.UserPoolClient(
            name,
            name=self._args.deployment.names.of(suffix, limit=128),
            user_pool_id=self._args.pool.user_pool_id,
            generate_secret=confidential,
            allowed_oauth_flows_user_pool_client=flow is not None,
            allowed_oauth_flows=[flow] if flow else None,
            allowed_oauth_scopes=list(scopes) if flow else None,
            callback_urls=list(callbacks) or None,
            logout_urls=list(logouts) or None,
            supported_identity_providers=list(providers) or None,
            explicit_auth_flows=[REFRESH_ONLY],
            access_token_validity=settings.access_token_minutes,
            id_token_validity=settings.access_token_minutes,
            refresh_token_validity=settings.refresh_token_days,
            token_validity_units={"access_token": "minutes", "id_token": "minutes", "refresh_token": "days"},
            enable_token_revocation=True,
            prevent_user_existence_errors="ENABLED",
            opts=self._child,
        )

    def _notebooks(self, name: str, args: ClientsArgs, secret: str) -> pulumi.Output[str]:
        """A client for notebooks, which log in by a secret that their role may read; gives its id."""
        # An existing pool may serve other stacks, whose resource server has the short name.
        identifier = "mlflow" if args.pool.clients is None else args.deployment.names.of("mlflow", limit=256)
        server = aws.cognito.ResourceServer(
            f"{name}-notebooks",
            identifier=identifier,
            name=identifier,
            scopes=[{"scope_name": NOTEBOOK_SCOPE, "scope_description": "Use MLflow from a notebook"}],
            user_pool_id=args.pool.user_pool_id,
            opts=self._child,
        )
        scope = pulumi.Output.concat(server.identifier, "/", NOTEBOOK_SCOPE)
        client = self._client(
            f"{name}-notebooks", "notebooks", flow="client_credentials", scopes=[scope], confidential=True
        )
        self._secret(
            f"{name}-notebooks",
            secret,
            "Client with which notebooks get tokens for MLflow",
            {
                "clientId": client.id,
                "clientSecret": client.client_secret,
                "tokenUrl": args.pool.login_url.apply(token_url),
                "scope": scope,
            },
        )
        return client.id

    def _secret(self, name: str, secret_name: str, description: str, value: Mapping[str, pulumi.Input[str]]) -> None:
        deployment = self._args.deployment
        secret = aws.secretsmanager.Secret(
            name,
            name=secret_name,
            description=description,
            kms_key_id=self._args.encryption.key_arn,
            recovery_window_in_days=deployment.protection.secret_recovery_days,
            tags=self.merged_tags(secret_name),
            opts=self._stateful(),
        )
        aws.secretsmanager.SecretVersion(
            name,
            secret_id=secret.id,
            secret_string=pulumi.Output.secret(pulumi.Output.json_dumps(value)),
            opts=self._child,
        )


def _at(url: pulumi.Input[str] | None, path: str) -> list[pulumi.Input[str]]:
    """The address of `path` there; none where there is no such page."""
    return [] if url is None else [pulumi.Output.concat(url, path)]
