"""What people and programs meet first: users, the platform's page, MLflow's pages, the REST API."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from components.base import Component, Deployment
from components.dns import AliasTarget
from components.edge import Edge
from components.edge_logs import EdgeLogs, EdgeLogsArgs
from components.encryption import Encryption
from components.firewall import Firewall
from components.http_api import HttpApi, HttpApiArgs, Tokens
from components.identity import Clients, ClientsArgs, Urls, UserPool, UserPoolArgs
from components.mlflow_ui import MlflowUi, MlflowUiArgs
from components.rest_api import RestApi, RestApiArgs
from components.website import Website, WebsiteArgs
from settings import Settings


@dataclass(frozen=True, kw_only=True)
class FrontDoorArgs:
    """What the door is made of.

    Args:
        deployment: The stack.
        settings: All settings: the door shows people what the rest of the platform is.
        encryption: Key of logs, files and secrets.
        edge: Where CloudFront's own things go.
        firewall: Firewall of what is public.
        mlflow: MLflow's API.
        regional_certificate: Certificate of the REST API's name.
        edge_certificate: Certificate of the pages' names.
        services: Folder with `web` and `api`.
        code_bucket: Bucket that functions' code goes through.
    """

    deployment: Deployment
    settings: Settings
    encryption: Encryption
    edge: Edge
    firewall: Firewall | None
    mlflow: HttpApi
    regional_certificate: pulumi.Input[str] | None
    edge_certificate: pulumi.Input[str] | None
    services: Path
    code_bucket: pulumi.Input[str]


class FrontDoor(Component):
    """A user pool with its clients, and every page and API at which they log in."""

    user_pool: UserPool
    """The users."""
    clients: Clients
    """Through what they log in."""
    tokens: Tokens
    """Bearer tokens that the platform's APIs take."""
    api_url: pulumi.Output[str]
    """Address of the REST API."""
    web_url: pulumi.Output[str] | None
    """Address of the platform's page."""
    mlflow_ui_url: pulumi.Output[str] | None
    """Address of MLflow's pages."""
    aliases: Mapping[str, AliasTarget]
    """What entries for the door's names must point to."""

    def __init__(self, name: str, args: FrontDoorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "web", args.deployment, opts)
        settings, hosts, firewall = args.settings, args.settings.hosts, args.firewall
        self.user_pool = UserPool(
            "users",
            UserPoolArgs(
                deployment=args.deployment,
                settings=settings.identity,
                web_acl_arn=firewall.regional_arn if firewall else None,
            ),
            opts=self._child,
        )
        rest = HttpApi(
            "rest-api",
            HttpApiArgs(
                deployment=args.deployment,
                suffix="rest-api",
                description="The platform's REST API",
                traffic=settings.rest_api,
                encryption=args.encryption,
                host=hosts.api,
                certificate_arn=args.regional_certificate,
            ),
            opts=self._child,
        )
        logs = self._edge_logs(args) if settings.has_web else None
        website = self._website(args, rest, logs) if logs and settings.web.enabled else None
        self._args, self._rest, self._web = args, rest, website
        mlflow_ui = self._mlflow_ui(args, rest, logs) if logs and settings.has_mlflow_ui else None
        self.web_url = website.url if website else None
        self.mlflow_ui_url = mlflow_ui.url if mlflow_ui else None
        self.api_url = rest.url
        self.clients = Clients(
            "clients",
            ClientsArgs(
                deployment=args.deployment,
                settings=settings.identity,
                pool=self.user_pool,
                encryption=args.encryption,
                urls=Urls(web=self.web_url, mlflow_ui=self.mlflow_ui_url),
                notebooks=settings.bearer_tokens and settings.studio.enabled,
            ),
            opts=self._child,
        )
        self.tokens = Tokens(issuer=self.user_pool.issuer, audience=self.clients.audience)
        targets = {
            **({hosts.api: rest.alias} if hosts.api else {}),
            **({hosts.service: website.alias} if hosts.service and website else {}),
            **{host: mlflow_ui.alias for host in (hosts.mlflowui, hosts.mlflowstatic) if host and mlflow_ui},
        }
        self.aliases = {host: target for host, target in targets.items() if target is not None}
        self.register_outputs({"web_url": self.web_url, "api_url": self.api_url})

    def publish(self, config: Mapping[str, pulumi.Input[Any]]) -> None:
        """Tells people and programs where everything is: the page, and the REST API.

        Args:
            config: What they tell besides the door's own addresses.
        """
        args, settings = self._args, self._args.settings
        known = {**config, **self._config(settings)}
        RestApi(
            "rest",
            RestApiArgs(
                deployment=args.deployment,
                settings=settings.rest_api,
                iam=settings.iam,
                encryption=args.encryption,
                source=args.services / "api",
                code_bucket=args.code_bucket,
                api=self._rest,
                tokens=self.tokens,
                login_url=self.user_pool.login_url,
                ui_client_id=self.clients.mlflowui_client_id,
                ui_url=self.mlflow_ui_url,
                refresh_days=settings.identity.refresh_token_days,
                config=known,
            ),
            opts=self._child,
        )
        if self._web is not None:
            self._web.publish({**known, "banner": settings.web.banner.model_dump(by_alias=True)})

    def _config(self, settings: Settings) -> dict[str, pulumi.Input[Any]]:
        """The door's own addresses, as clients need them to log in."""
        return {
            "issuer": self.user_pool.issuer,
            "loginUrl": self.user_pool.login_url,
            "cliClientId": self.clients.cli_client_id,
            "cliCallbackPorts": settings.identity.cli_callback_ports,
            "webClientId": self.clients.web_client_id,
            "apiUrl": self.api_url,
            "webUrl": self.web_url,
            "mlflowUiUrl": self.mlflow_ui_url,
        }

    def _edge_logs(self, args: FrontDoorArgs) -> EdgeLogs:
        return EdgeLogs(
            "edge-logs",
            EdgeLogsArgs(
                deployment=args.deployment,
                retention_days=args.settings.web.log_retention_days,
                encryption=args.encryption,
                edge=args.edge,
            ),
            opts=self._child,
        )

    def _website(self, args: FrontDoorArgs, rest: HttpApi, logs: EdgeLogs) -> Website:
        return Website(
            "website",
            WebsiteArgs(
                deployment=args.deployment,
                settings=args.settings.web,
                encryption=args.encryption,
                logs=logs,
                source=args.services / "web",
                api=rest,
                login_url=self.user_pool.login_url,
                host=args.settings.hosts.service,
                certificate_arn=args.edge_certificate,
                web_acl_arn=args.firewall.cloudfront_arn if args.firewall else None,
            ),
            opts=self._child,
        )

    def _mlflow_ui(self, args: FrontDoorArgs, rest: HttpApi, logs: EdgeLogs) -> MlflowUi:
        hosts = args.settings.hosts
        return MlflowUi(
            "mlflow-ui",
            MlflowUiArgs(
                deployment=args.deployment,
                settings=args.settings.web,
                logs=logs,
                mlflow=args.mlflow,
                api=rest,
                hosts=tuple(host for host in (hosts.mlflowui, hosts.mlflowstatic) if host),
                certificate_arn=args.edge_certificate,
                web_acl_arn=args.firewall.cloudfront_arn if args.firewall else None,
            ),
            opts=self._child,
        )
