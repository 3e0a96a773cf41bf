"""What each resource of a recording costs a month while nobody uses the platform."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.costs import prices
from cli.costs.prices import FREE, PRICES
from cli.plan.recorder import Recording, Resource
from settings.load import NAMESPACE, parse_settings
from settings.model import Settings

HOURS = 730
"""Hours of a month, as AWS's own calculator has them."""


class UnpricedError(LookupError):
    """A resource has no price, and a sum without it would be wrong."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a bill.

    Args:
        item: What is paid for.
        basis: How the sum comes about.
        dollars: US dollars a month.
    """

    item: str
    basis: str
    dollars: float


@dataclass(frozen=True, kw_only=True)
class Bill:
    """The idle cost of a stack."""

    lines: tuple[Line, ...]

    @property
    def total(self) -> float:
        """US dollars a month."""
        return sum(line.dollars for line in self.lines)

    def of(self, item: str) -> float:
        """US dollars a month for one item; 0 where the stack has none."""
        return sum(line.dollars for line in self.lines if line.item == item)

    def without(self, items: Iterable[str]) -> "Bill":
        """The bill without these items."""
        left_out = set(items)
        return Bill(lines=tuple(line for line in self.lines if line.item not in left_out))


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """A recording and the settings it was made with, for what the resources alone do not show."""

    recording: Recording
    settings: Settings

    def referred(self, resource: Resource, key: str, type_: str) -> Resource:
        """The resource of a type that an input refers to.

        Raises:
            UnpricedError: The input refers to none.
        """
        urns = resource.property_dependencies.get(key, ())
        found = next((other for other in self.recording.of_type(type_) if other.urn in urns), None)
        if found is None:
            raise UnpricedError(f"{resource.name} ({resource.type}): its {key} is no {type_} of this stack")
        return found

    @property
    def tasks(self) -> int:
        """Tasks at rest, of all services."""
        return sum(service.props["desiredCount"] for service in self.recording.of_type(SERVICE))


SERVICE, TASK = "aws:ecs/service:Service", "aws:ecs/taskDefinition:TaskDefinition"
CLUSTER = "aws:rds/cluster:Cluster"


def idle_cost(recording: Recording) -> Bill:
    """The idle cost a month of what a recording holds.

    Raises:
        UnpricedError: A type of resource is neither priced nor known to be free; names all such types.
    """
    resources = [resource for resource in recording.resources if resource.custom]
    unknown = sorted({resource.type for resource in resources} - PRICED.keys() - FREE.keys())
    if unknown:
        raise UnpricedError(
            f"no price for {', '.join(unknown)}; price them in cli/costs/idle.py, or list them in FREE of "
            "cli/costs/prices.py with the reason"
        )
    plan = _Plan(recording=recording, settings=_settings(recording))
    lines = [
        line for resource in resources if resource.type in PRICED for line in PRICED[resource.type](resource, plan)
    ]
    return Bill(lines=tuple(_merged(lines)))


def _settings(recording: Recording) -> Settings:
    prefix = f"{NAMESPACE}:"
    ours = {k.removeprefix(prefix): _decoded(v) for k, v in recording.stack.config.items() if k.startswith(prefix)}
    return parse_settings(ours, {key.removeprefix(prefix) for key in recording.stack.secret_keys})


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _merged(lines: Iterable[Line]) -> Iterator[Line]:
    """Equal lines as one, in the order of ORDER."""
    alike: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in lines:
        alike[line.item, line.basis].append(line)
    for (item, basis), same in sorted(alike.items(), key=lambda entry: (ORDER.index(entry[0][0]), entry[0][1])):
        times = f"{len(same)} x " if len(same) > 1 else ""
        yield Line(item=item, basis=times + basis, dollars=sum(line.dollars for line in same))


def _hourly(item: str, price: str, count: int = 1, basis: str = "") -> Line:
    dollars = PRICES[price].dollars
    times = f"{count} x " if count > 1 else ""
    text = f"{times}{HOURS} h x ${dollars:g}" + (f" ({basis})" if basis else "")
    return Line(item=item, basis=text, dollars=count * HOURS * dollars)


def _amount(item: str, price: str, quantity: float = 1, unit: str = "") -> Line:
    dollars = PRICES[price].dollars
    basis = f"{quantity:g} {unit} x ${dollars:g}" if unit else f"${dollars:g}"
    return Line(item=item, basis=basis, dollars=quantity * dollars)


def _endpoint(resource: Resource, plan: _Plan) -> Iterator[Line]:
    """Gateway endpoints are free. Which subnets an interface endpoint is in is unknown before they exist."""
    if resource.props["vpcEndpointType"] == "Interface":
        network = plan.settings.network
        zones = network.endpoint_zones or network.availability_zones
        yield _hourly("interface endpoints", "interface endpoint", zones)


def _service(resource: Resource, plan: _Plan) -> Iterator[Line]:
    task = plan.referred(resource, "taskDefinition", TASK).props
    count = int(resource.props["desiredCount"])
    vcpu, memory = int(task["cpu"]) / 1024, int(task["memory"]) / 1024
    arm = task["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    spot = resource.props["capacityProviderStrategies"][0]["capacityProvider"] == "FARGATE_SPOT"
    chip = "ARM" if arm else "x86"
    hour = vcpu * PRICES[f"Fargate vCPU, {chip}"].dollars + memory * PRICES[f"Fargate memory, {chip}"].dollars
    if spot:
        hour *= 1 - prices.SPOT_DISCOUNT
    yield Line(
        item="Fargate tasks",
        basis=f"{count} x {vcpu:g} vCPU, {memory:g} GB, {chip}{', Spot' if spot else ''}: {HOURS} h x ${hour:.5f}",
        dollars=count * HOURS * hour,
    )
    calls = count * _watched_secrets(task["containerDefinitions"]) * prices.SECRET_CHECKS.quantity
    if calls:
        price = PRICES["Secrets Manager calls"]
        yield Line(
            item="secret checks",
            basis=f"{calls:,.0f} calls x ${price.dollars:g} for {price.unit}",
            dollars=calls / 10_000 * price.dollars,
        )


def _watched_secrets(definitions: str) -> int:
    """How many secrets a serving container watches: its database's, and the credentials of basic authentication."""
    variables = {
        variable["name"]
        for container in json.loads(definitions)
        if container["name"] in ("mlflowContainer", "metadataContainer", "uiContainer")
        for variable in container["environment"]
    }
    return len(variables & {"MLFLOW_DATABASE_PARAMETER", "MLFLOW_CREDENTIALS_SECRET_ID", "MF_DATABASE_PARAMETER"})


def _insights(resource: Resource, plan: _Plan) -> Iterator[Line]:
    level = next(setting["value"] for setting in resource.props["settings"] if setting["name"] == "containerInsights")
    if level == "enabled":
        services = len(plan.recording.of_type(SERVICE))
        count = prices.INSIGHTS_METRICS.quantity + services * prices.INSIGHTS_METRICS_BY_SERVICE.quantity
        yield _amount("Container Insights", "custom metric", count, "metrics")
    elif level == "enhanced":
        count = prices.ENHANCED_METRICS.quantity + plan.tasks * prices.ENHANCED_METRICS_BY_TASK.quantity
        yield _amount("Container Insights", "metric of enhanced Container Insights", count, "metrics")


def _managed_secret(resource: Resource) -> Iterator[Line]:
    if resource.props.get("manageMasterUserPassword"):
        yield _amount("secrets", "secret")


def _aurora(resource: Resource, plan: _Plan) -> Iterator[Line]:
    del plan
    yield _amount("database storage", "Aurora storage", prices.AURORA_GB.quantity, "GB")
    yield from _managed_secret(resource)


def _aurora_instance(resource: Resource, plan: _Plan) -> Iterator[Line]:
    if resource.props["instanceClass"] != "db.serverless":
        raise UnpricedError(f"{resource.name}: no price for Aurora on {resource.props['instanceClass']}")
    cluster = plan.referred(resource, "clusterIdentifier", CLUSTER)
    acu = float(cluster.props["serverlessv2ScalingConfiguration"]["minCapacity"])
    if acu == 0:
        yield Line(item="database", basis="Aurora, paused: 0 ACU", dollars=0)
    else:
        dollars = PRICES["Aurora capacity unit"].dollars
        yield Line(
            item="database", basis=f"Aurora, {acu:g} ACU: {HOURS} h x ${acu * dollars:g}", dollars=HOURS * acu * dollars
        )


def _rds_instance(resource: Resource, plan: _Plan) -> Iterator[Line]:
    """A standby in another zone doubles both prices."""
    del plan
    class_ = str(resource.props["instanceClass"])
    if class_ not in PRICES:
        raise UnpricedError(f"{resource.name}: no price for {class_}; add it to PRICES of cli/costs/prices.py")
    copies = 2 if resource.props["multiAz"] else 1
    yield _hourly("database", class_, copies, f"PostgreSQL on {class_}")
    yield _amount("database storage", "RDS storage, gp3", copies * resource.props["allocatedStorage"], "GB")
    yield from _managed_secret(resource)


def _table(resource: Resource, plan: _Plan) -> Iterator[Line]:
    """Requests on demand cost nothing while there are none; provisioned capacity costs by the hour, of indexes too."""
    del plan
    yield _amount("tables", "table storage", prices.TABLE_GB.quantity, "GB")
    if resource.props["pointInTimeRecovery"]["enabled"]:
        yield _amount("tables", "table recovery", prices.TABLE_GB.quantity, "GB")
    if resource.props["billingMode"] == "PROVISIONED":
        parts = [resource.props, *resource.props.get("globalSecondaryIndexes", [])]
        for use in ("read", "write"):
            units = sum(int(part[f"{use}Capacity"]) for part in parts)
            yield _hourly("tables", f"{use} capacity unit", units, f"{use} capacity")


def _web_acl(resource: Resource, plan: _Plan) -> Iterator[Line]:
    """A managed group counts as one rule."""
    del plan
    yield _amount("firewall", "web ACL")
    yield _amount("firewall", "rule of a web ACL", len(resource.props["rules"]), "rules")


def _load_balancer(resource: Resource, plan: _Plan) -> Iterator[Line]:
    """A public one has an address in each zone."""
    kind = "Network" if resource.props["loadBalancerType"] == "network" else "Application"
    yield _hourly("load balancer", f"{kind} Load Balancer", basis=kind)
    if not resource.props.get("internal"):
        network = plan.settings.network
        existing = network.existing_vpc.public_subnet_ids if network.existing_vpc else None
        zones = len(existing) if existing else network.availability_zones
        yield _hourly("public IPv4 addresses", "public IPv4 address", zones)


def _compute_environment(resource: Resource, plan: _Plan) -> Iterator[Line]:
    """Without instances at rest it costs nothing."""
    del plan
    least = int(resource.props["computeResources"].get("minVcpus", 0))
    if least:
        raise UnpricedError(f"{resource.name}: no price for {least} vCPUs that are kept at rest; set minvCpus to 0")
    yield Line(item="Batch", basis="0 vCPUs at rest", dollars=0)


def _notebook(resource: Resource, plan: _Plan) -> Iterator[Line]:
    """It stops when idle, and its volume stays."""
    del plan
    yield _amount("notebook", "notebook storage", resource.props["volumeSize"], "GB")


def _fixed(*lines: Line) -> Callable[[Resource, _Plan], Iterable[Line]]:
    return lambda _resource, _plan: lines


PRICED: Mapping[str, Callable[[Resource, _Plan], Iterable[Line]]] = {
    "aws:ec2/natGateway:NatGateway": _fixed(_hourly("NAT gateways", "NAT gateway")),
    "aws:ec2/eip:Eip": _fixed(_hourly("public IPv4 addresses", "public IPv4 address")),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
    "aws:batch/computeEnvironment:ComputeEnvironment": _compute_environment,
    "aws:cloudwatch/metricAlarm:MetricAlarm": _fixed(_amount("alarms", "alarm")),
    "aws:sagemaker/notebookInstance:NotebookInstance": _notebook,
    SERVICE: _service,
    "aws:ecs/cluster:Cluster": _insights,
    CLUSTER: _aurora,
    "aws:rds/clusterInstance:ClusterInstance": _aurora_instance,
    "aws:rds/instance:Instance": _rds_instance,
    "aws:dynamodb/table:Table": _table,
    "aws:kms/key:Key": _fixed(_amount("customer key", "KMS key")),
    "aws:secretsmanager/secret:Secret": _fixed(_amount("secrets", "secret")),
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": _fixed(
        _amount("Cloud Map namespace", "private hosted zone")
    ),
    "aws:ec2/flowLog:FlowLog": _fixed(_amount("flow log", "log ingestion", prices.FLOW_LOG_GB.quantity, "GB")),
    "aws:cloudwatch/logGroup:LogGroup": _fixed(_amount("logs", "log ingestion", prices.LOG_GB.quantity, "GB")),
    "docker-build:index:Image": _fixed(_amount("images", "image storage", prices.IMAGE_GB.quantity, "GB")),
    "aws:wafv2/webAcl:WebAcl": _web_acl,
    "aws:s3/bucket:Bucket": _fixed(_amount("buckets", "S3 storage", prices.BUCKET_GB.quantity, "GB")),
}
"""The lines of a resource, by its type."""

ORDER = (
    *("NAT gateways", "public IPv4 addresses", "interface endpoints", "load balancer", "Fargate tasks"),
    *("database", "database storage", "customer key", "secrets", "secret checks", "Cloud Map namespace"),
    *("Container Insights", "flow log", "logs", "images", "buckets", "tables", "firewall"),
    *("Batch", "notebook", "alarms"),
)
"""Items in the order of a bill."""
