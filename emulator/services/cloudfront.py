"""Amazon CloudFront."""

import copy
import uuid
from collections.abc import Callable
from typing import Any

from moto.cloudfront import urls
from moto.cloudfront.exceptions import NoSuchFunctionExists
from moto.cloudfront.models import DefaultCacheBehaviour, Origin, ViewerCertificate
from moto.cloudfront.responses import CloudFrontResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow

from emulator.registry import Refusal, adds, corrects, records, setup


@setup
def route_policies() -> None:
    """Moto routes only the paths of the operations that it has."""
    urls.url_paths["{0}/2020-05-31/(?P<rest>.+)$"] = CloudFrontResponse.dispatch


def _etag() -> str:
    return uuid.uuid4().hex[:14].upper()


# ---- cache, origin request and response headers policies: moto has no model of them


def _plural(kind: str) -> str:
    return f"{kind.removesuffix('y')}ies"


def _declare_policy(kind: str) -> None:
    member = f"{kind}Config"

    def find(self: Any) -> dict[str, Any]:
        record = records(self.backend, kind).get(self._get_param("Id"))
        if record is None:
            raise Refusal(f"NoSuch{kind}", f"The {kind} does not exist")
        return record

    def view(record: dict[str, Any]) -> ActionResult:
        policy = {"Id": record["id"], "LastModifiedTime": record["modified"], member: record["config"]}
        return ActionResult({kind: policy, "ETag": record["etag"]})

    def create(self: Any) -> ActionResult:
        config, known = self._get_param(member), records(self.backend, kind)
        if any(record["config"]["Name"] == config["Name"] for record in known.values()):
            raise Refusal(f"{kind}AlreadyExists", f"{kind} {config['Name']} already exists")
        record: dict[str, Any] = {"id": str(uuid.uuid4()), "etag": _etag(), "modified": utcnow(), "config": config}
        known[record["id"]] = record
        return view(record)

    def get(self: Any) -> ActionResult:
        return view(find(self))

    def update(self: Any) -> ActionResult:
        record = find(self)
        record.update(config=self._get_param(member), etag=_etag(), modified=utcnow())
        return view(record)

    def delete(self: Any) -> EmptyResult:
        del records(self.backend, kind)[find(self)["id"]]
        return EmptyResult()

    def listed(self: Any) -> ActionResult:
        policies = [
            {"Type": "custom", kind: {"Id": each["id"], "LastModifiedTime": each["modified"], member: each["config"]}}
            for each in records(self.backend, kind).values()
        ]
        return ActionResult({f"{kind}List": {"MaxItems": 100, "Quantity": len(policies), "Items": policies}})

    for verb, method in {"Create": create, "Get": get, "Update": update, "Delete": delete}.items():
        adds("cloudfront", f"{verb}{kind}", on=CloudFrontResponse)(method)
    adds("cloudfront", f"List{_plural(kind)}", on=CloudFrontResponse)(listed)


for _kind in ("CachePolicy", "OriginRequestPolicy", "ResponseHeadersPolicy"):
    _declare_policy(_kind)


# ---- members of a distribution that moto drops


@corrects(
    "cloudfront",
    "CreateDistribution",
    "drops function associations and GrpcConfig, adds ForwardedValues beside a cache policy",
    on=DefaultCacheBehaviour,
    attribute="__init__",
)
def cache_behaviour(original: Callable[..., Any], self: Any, config: dict[str, Any]) -> None:  # noqa: D103
    given = dict(config)
    original(self, config)
    self.function_associations = given.get("FunctionAssociations") or {"Quantity": 0}
    self.lambda_function_associations = given.get("LambdaFunctionAssociations") or {"Quantity": 0}
    self.grpc_config = given.get("GrpcConfig") or {"Enabled": False}
    if given.get("CachePolicyId") and "ForwardedValues" not in given:
        self.forwarded_values = None


@corrects(
    "cloudfront",
    "CreateDistribution",
    "calls the certificate the default one beside an own one, and gives the default one empty ids",
    on=ViewerCertificate,
    attribute="__init__",
)
def viewer_certificate(original: Callable[..., Any], self: Any, config: dict[str, Any]) -> None:  # noqa: D103
    original(self, config)
    own = self.acm_certificate_arn or self.iam_certificate_id
    if "CloudFrontDefaultCertificate" not in config:
        self.cloud_front_default_certificate = not own
    if not own:
        self.acm_certificate_arn = self.iam_certificate_id = None
        self.ssl_support_method = "vip"


@corrects("cloudfront", "CreateDistribution", "drops the origin's access control", on=Origin, attribute="__init__")
def origin(original: Callable[..., Any], self: Any, config: dict[str, Any]) -> None:  # noqa: D103
    original(self, config)
    self.origin_access_control_id = config.get("OriginAccessControlId") or ""
    self.vpc_origin_config = config.get("VpcOriginConfig")


# ---- functions: a development and a live stage


def _staged(self: Any) -> Any:
    function = self.backend.describe_function(self._get_param("Name"))
    if self._get_param("Stage") != "LIVE":
        return function
    live = records(self.backend, "live-functions").get(function.name)
    if live is None:
        raise NoSuchFunctionExists(function.name)
    return live


@adds("cloudfront", "PublishFunction", on=CloudFrontResponse)
def publish_function(self: Any) -> ActionResult:  # noqa: D103
    live = copy.copy(self.backend.describe_function(self._get_param("Name")))
    live.stage = "LIVE"
    records(self.backend, "live-functions")[live.name] = live
    return ActionResult({"FunctionSummary": live.function_summary})


@adds("cloudfront", "UpdateFunction", on=CloudFrontResponse)
def update_function(self: Any) -> ActionResult:  # noqa: D103
    function = self.backend.describe_function(self._get_param("Name"))
    function.config, function.code = self._get_param("FunctionConfig"), self._get_param("FunctionCode")
    function.etag = _etag()
    return ActionResult({"FunctionSummary": function.function_summary, "ETag": function.etag})


@corrects("cloudfront", "DescribeFunction", "knows no stages", on=CloudFrontResponse)
def describe_function(_original: Callable[..., Any], self: Any) -> ActionResult:  # noqa: D103
    function = _staged(self)
    return ActionResult({"FunctionSummary": function.function_summary, "ETag": function.etag})


@corrects("cloudfront", "GetFunction", "knows no stages", on=CloudFrontResponse)
def get_function(_original: Callable[..., Any], self: Any) -> ActionResult:  # noqa: D103
    function = _staged(self)
    content = {"FunctionCode": function.code, "ETag": function.etag, "ContentType": "application/octet-stream"}
    return ActionResult(content)
