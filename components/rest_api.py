"""The platform's REST API: a function behind an HTTP API, and the login of MLflow's pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.base import Component, Deployment
from components.encryption import Encryption
from components.functions import Function, make_function
from components.http_api import HttpApi, Tokens
from lib.functions import python_files
from settings.iam import IamSettings
from settings.rest_api import RestApiSettings

ROUTES = {"health": "GET /health", "me": "GET /me", "config": "GET /config"}
"""Routes by the last part of their logical name; the function has the same table."""
LOGIN_ROUTES = {
    "login": "GET /auth/login",
    "callback": "GET /auth/callback",
    "logout": "GET /auth/logout",
    "logged-out": "GET /auth/logged-out",
}
"""Routes of the login, where MLflow's pages have one."""
PUBLIC = frozenset({"health", *LOGIN_ROUTES})
"""Routes without a token; the packs know them as well, in `policies/config.json`."""


@dataclass(frozen=True, kw_only=True)
class RestApiArgs:
    """The function to make and to lead requests to.

    Args:
        deployment: The stack.
        settings: Size and limits of the function.
        iam: How its role is named.
        encryption: Key of its logs and variables.
        source: Folder of its code (`services/api`).
        code_bucket: Bucket that its code goes through.
        api: The HTTP API that leads to it.
        tokens: Bearer tokens that it takes.
        login_url: Login pages and token endpoint.
        ui_client_id: Client by which people log in to MLflow's pages.
        ui_url: Address of MLflow's pages; without it there is no login for them.
        refresh_days: Days after which people log in again.
        config: What `GET /config` answers.
    """

    deployment: Deployment
    settings: RestApiSettings
    iam: IamSettings
    encryption: Encryption
    source: Path
    code_bucket: pulumi.Input[str]
    api: HttpApi
    tokens: Tokens
    login_url: pulumi.Input[str]
    ui_client_id: pulumi.Input[str]
    ui_url: pulumi.Input[str] | None
    refresh_days: int
    config: Mapping[str, pulumi.Input[object]]


class RestApi(Component):
    """`GET /health` for all, `GET /me` and `GET /config` for who has a token, and `/auth/…` for MLflow's pages."""

    function_name: pulumi.Output[str]
    """Name of the function."""

    def __init__(self, name: str, args: RestApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "api", args.deployment, opts)
        function = self._function(name, args)
        integration = aws.apigatewayv2.Integration(
            name,
            api_id=args.api.api_id,
            integration_type="AWS_PROXY",
            integration_method="POST",
            integration_uri=function.invoke_arn,
            payload_format_version="2.0",
            # The function gives up first, and its log says so.
            timeout_milliseconds=(args.settings.timeout_seconds + 1) * 1000,
            opts=self._child,
        )
        aws.lambda_.Permission(
            name,
            action="lambda:InvokeFunction",
            function=function.name,
            principal="apigateway.amazonaws.com",
            source_arn=pulumi.Output.concat(args.api.execution_arn, "/*/*"),
            opts=self._child,
        )
        authorizer = args.api.authorizer(name, args.tokens)
        for label, key in {**ROUTES, **(LOGIN_ROUTES if args.ui_url is not None else {})}.items():
            args.api.route(f"{name}-{label}", key, integration, None if label in PUBLIC else authorizer)
        self.function_name = function.name
        self.register_outputs({"function_name": self.function_name})

    def _function(self, name: str, args: RestApiArgs) -> aws.lambda_.Function:
        names, settings = args.deployment.names, args.settings
        return make_function(
            self,
            name,
            Function(
                suffix="rest-api",
                log_path=names.path("rest-api/function"),
                log_retention_days=settings.log_retention_days,
                description="The platform's REST API",
                role_description="Runs the platform's REST API",
                handler="platform_api.main.handler",
                files=python_files(args.source),
                # What `GET /config` answers: variables would end at 4 kB (AWS Lambda developer guide, "Lambda quotas"),
                # and a parameter would have to be fetched.
                texts={"config.json": pulumi.Output.json_dumps(args.config, sort_keys=True)},
                architecture=settings.architecture,
                memory_mib=settings.memory_mib,
                timeout_seconds=settings.timeout_seconds,
                reserved_concurrency=settings.reserved_concurrency,
                variables=_login(args),
                code_bucket=args.code_bucket,
                encryption=args.encryption,
                iam=args.iam,
            ),
        )


def _login(args: RestApiArgs) -> dict[str, pulumi.Input[str]]:
    """The variables that the function reads its login from."""
    if args.ui_url is None:
        return {}
    return {
        "UI_URL": args.ui_url,
        "LOGIN_URL": args.login_url,
        "UI_CLIENT_ID": args.ui_client_id,
        "REFRESH_DAYS": str(args.refresh_days),
    }
