"""MLflow's pages for people: CloudFront in front of MLflow's API, with login and a session cookie."""

from dataclasses import dataclass

import pulumi

from components.base import Component, Deployment
from components.distribution import Behavior, Distribution, DistributionArgs, api_origin, edge_function
from components.dns import AliasTarget
from components.edge_logs import EdgeLogs
from components.http_api import HttpApi
from settings.web import WebSettings

CONTENT_SECURITY_POLICY = "frame-ancestors 'self'; base-uri 'self'; object-src 'none'"
"""MLflow's pages have styles and scripts in the page, and show artifacts in frames of their own."""


@dataclass(frozen=True, kw_only=True)
class MlflowUiArgs:
    """The pages to offer.

    Args:
        deployment: The stack.
        settings: CloudFront's edge locations.
        logs: Access logs.
        mlflow: MLflow's API, whose authorizer checks the session's token.
        api: The REST API, which logs people in at `/auth/`.
        hosts: Names of its own, first the one of the login; CloudFront's if empty.
        certificate_arn: Certificate of those names.
        web_acl_arn: Firewall.
    """

    deployment: Deployment
    settings: WebSettings
    logs: EdgeLogs
    mlflow: HttpApi
    api: HttpApi
    hosts: tuple[str, ...]
    certificate_arn: pulumi.Input[str] | None
    web_acl_arn: pulumi.Input[str] | None


class MlflowUi(Component):
    """A distribution whose function turns the session cookie into a bearer token, or leads to the login.

    It answers under the first of its names; all others, CloudFront's among them, lead there.
    """

    url: pulumi.Output[str]
    """Address of the pages, without a slash at its end."""
    alias: AliasTarget
    """What entries for its own names must point to."""

    def __init__(self, name: str, args: MlflowUiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "web", args.deployment, opts)
        session = edge_function(
            f"{name}-session",
            args.deployment,
            "session.js",
            self.merged_tags(f"{name}-session"),
            self._child,
            host=args.hosts[0] if args.hosts else "",
        )
        distribution = Distribution(
            name,
            DistributionArgs(
                deployment=args.deployment,
                settings=args.settings,
                logs=args.logs,
                description=f"MLflow's pages of {args.deployment.names.prefix}",
                origins=[api_origin("mlflow", args.mlflow.host), api_origin("api", args.api.host)],
                behaviors=[
                    Behavior(origin="mlflow", function=session),
                    # The files are MLflow's own and the same for all, so the token is no part of what they are kept by.
                    Behavior(origin="mlflow", path="/static-files/*", cached=True, function=session),
                    Behavior(origin="api", path="/auth/*", function=session),
                ],
                content_security_policy=CONTENT_SECURITY_POLICY,
                framed=True,
                hosts=args.hosts,
                certificate_arn=args.certificate_arn,
                web_acl_arn=args.web_acl_arn,
            ),
            opts=self._child,
        )
        self.url, self.alias = distribution.url, distribution.alias
        self.register_outputs({"url": self.url})
