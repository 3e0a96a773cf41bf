"""A recording as an architecture picture: one box a component, with what it is made of; arrows say what uses what."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from cli.plan.recorder import Recording, Resource

BOX_WIDTH, LINE_HEIGHT, GAP_X, GAP_Y, MARGIN = 250, 17, 70, 28, 30
HEAD_CHARACTERS, LINE_CHARACTERS = 30, 36
"""What fits into a box: a bold class beside a name, and a line below."""
COLOURS = {
    "network": "#8C4FFF",
    "encryption": "#DD344C",
    "iam": "#DD344C",
    "database": "#3B48CC",
    "metadata": "#3B48CC",
    "backup": "#3F8624",
    "storage": "#3F8624",
    "images": "#ED7100",
    "mlflow": "#ED7100",
    "metaflow": "#ED7100",
    "api": "#E7157B",
    "web": "#8C4FFF",
    "studio": "#01A88D",
}
"""Colours of AWS's own architecture icons, by kind of service."""

Fact = Callable[[Mapping[str, Any]], str]


def _acu(props: Mapping[str, Any]) -> str:
    scaling = props["serverlessv2ScalingConfiguration"]
    return f"{props['engine']}, {scaling['minCapacity']:g} to {scaling['maxCapacity']:g} ACU"


NOTABLE: dict[str, Fact] = {
    "aws:ec2/vpc:Vpc": lambda p: f"VPC {p['cidrBlock']}",
    "aws:ec2/subnet:Subnet": lambda p: f"{p['tags']['SubnetType'].lower()} subnet",
    "aws:ec2/natGateway:NatGateway": lambda _: "NAT gateway",
    "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway": lambda _: "IPv6 egress-only gateway",
    "aws:ec2/vpcEndpoint:VpcEndpoint": lambda p: f"{p['vpcEndpointType'].lower()} endpoint",
    "aws:ec2/flowLog:FlowLog": lambda _: "flow log",
    "aws:ec2/securityGroup:SecurityGroup": lambda _: "security group",
    "aws:kms/key:Key": lambda p: f"KMS key, rotates every {p['rotationPeriodInDays']} days",
    "aws:rds/cluster:Cluster": _acu,
    "aws:rds/clusterInstance:ClusterInstance": lambda p: f"instance {p['instanceClass']}",
    "aws:rds/instance:Instance": lambda p: f"{p['engine']} {p['engineVersion']} on {p['instanceClass']}",
    "aws:s3/bucket:Bucket": lambda _: "bucket",
    "aws:ecr/repository:Repository": lambda _: "image repository",
    "aws:ecs/cluster:Cluster": lambda _: "ECS cluster",
    "aws:ecs/taskDefinition:TaskDefinition": lambda p: f"task of {int(p['cpu']) / 1024:g} vCPU, {p['memory']} MiB",
    "aws:ecs/service:Service": lambda p: f"{p['capacityProviderStrategies'][0]['capacityProvider']} service",
    "aws:appautoscaling/target:Target": lambda p: (
        f"{p['minCapacity']} to {p['maxCapacity']} {'tasks' if p['serviceNamespace'] == 'ecs' else 'units'}"
    ),
    "aws:backup/plan:Plan": lambda p: f"backups kept {p['rules'][0]['lifecycle']['deleteAfter']} days",
    "aws:dynamodb/table:Table": lambda p: f"table, {p['billingMode'].lower().replace('_', ' ')}",
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace": lambda p: f"Cloud Map {p['name']}",
    "aws:secretsmanager/secret:Secret": lambda _: "secret",
    "aws:ssm/parameter:Parameter": lambda _: "SSM parameter",
    "aws:iam/role:Role": lambda _: "role",
    "aws:iam/policy:Policy": lambda _: "managed policy",
    "aws:lb/loadBalancer:LoadBalancer": lambda p: f"{'internal' if p['internal'] else 'public'} load balancer",
    "aws:lb/listener:Listener": lambda p: f"listener {p['protocol']} {p['port']}",
    "aws:batch/computeEnvironment:ComputeEnvironment": lambda p: (
        f"{p['computeResources']['type']}, at most {p['computeResources']['maxVcpus']:g} vCPUs"
    ),
    "aws:batch/jobQueue:JobQueue": lambda p: f"job queue {p['name']}",
    "aws:cognito/userPool:UserPool": lambda _: "user pool",
    "aws:apigateway/restApi:RestApi": lambda _: "REST API",
    "aws:apigatewayv2/api:Api": lambda _: "HTTP API",
    "aws:apigatewayv2/domainName:DomainName": lambda p: p["domainName"],
    "aws:apigatewayv2/route:Route": lambda p: p["routeKey"],
    "aws:lambda/function:Function": lambda p: f"function of {p['memorySize']:g} MiB",
    "aws:apigatewayv2/vpcLink:VpcLink": lambda _: "VPC link",
    "aws:cloudwatch/logGroup:LogGroup": lambda _: "log group",
    "aws:cloudwatch/metricAlarm:MetricAlarm": lambda _: "alarm",
    "aws:acm/certificate:Certificate": lambda p: f"certificate of {1 + len(p.get('subjectAlternativeNames', []))}",
    "aws:route53/record:Record": lambda p: f"{p['type']} entry",
    "aws:cloudfront/distribution:Distribution": lambda p: f"CloudFront: {p['comment']}",
    "aws:cloudfront/function:Function": lambda p: f"function {p['comment']}",
    "aws:wafv2/webAcl:WebAcl": lambda p: f"web ACL of {len(p['rules'])} rules, {p['scope'].lower()}",
    "aws:sagemaker/domain:Domain": lambda p: f"Studio domain, {p['appNetworkAccessType']}",
    "aws:sagemaker/notebookInstance:NotebookInstance": lambda p: f"notebook on {p['instanceType']}",
    "aws:sagemaker/userProfile:UserProfile": lambda p: f"user {p['userProfileName']}",
}
"""How a resource is named in its component's box. Types that are not listed are counted as others."""


def picture(recording: Recording) -> str:
    """The picture as SVG."""
    boxes = [resource for resource in recording.resources if resource.parent == "" and not resource.custom]
    owner = _owners(recording.resources)
    uses = _reduced(_uses(recording.resources, owner))
    columns = _columns([box.urn for box in boxes], uses)
    lines = {box.urn: _facts(r for r in recording.resources if r.custom and owner[r.urn] == box.urn) for box in boxes}
    place: dict[str, tuple[int, int, int]] = {}
    height = 0
    for column, urns in enumerate(columns):
        y = MARGIN + 40
        for urn in urns:
            box_height = 46 + LINE_HEIGHT * len(lines[urn])
            place[urn] = (MARGIN + column * (BOX_WIDTH + GAP_X), y, box_height)
            y += box_height + GAP_Y
        height = max(height, y)
    width = 2 * MARGIN + len(columns) * (BOX_WIDTH + GAP_X) - GAP_X
    title = f"{recording.stack.project} {recording.stack.name}: {sum(r.custom for r in recording.resources)} resources"
    arrows = "".join(_arrow(place[a], place[b]) for a, targets in sorted(uses.items()) for b in sorted(targets))
    drawn = "".join(_box(box, place[box.urn], lines[box.urn]) for box in boxes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="12" role="img">'
        f"<title>{escape(title)}</title>"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#5b6570"/></marker></defs>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
        f'<text x="{MARGIN}" y="{MARGIN}" font-size="18" font-weight="bold" fill="#16191f">{escape(title)}</text>'
        f'<text x="{MARGIN}" y="{MARGIN + 20}" fill="#5b6570">An arrow leads from a component to what it uses.</text>'
        f"{arrows}{drawn}</svg>\n"
    )


def _owners(resources: Iterable[Resource]) -> dict[str, str]:
    """The top-level component that each resource belongs to."""
    owner: dict[str, str] = {}
    for resource in resources:
        owner[resource.urn] = owner[resource.parent] if resource.parent else resource.urn
    return owner


def _uses(resources: Iterable[Resource], owner: Mapping[str, str]) -> dict[str, set[str]]:
    """What each component uses; of two whose parts use each other, the first, as boxes stand in columns."""
    uses: dict[str, set[str]] = defaultdict(set)
    for resource in resources:
        for dependency in resource.dependencies:
            used, user = owner.get(dependency), owner[resource.urn]
            if used is not None and used != user and user not in _reachable(uses, used):
                uses[user].add(used)
    return dict(uses)


def _reachable(uses: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    todo = [start]
    while todo:
        for target in uses.get(todo.pop(), set()):
            if target not in found:
                found.add(target)
                todo.append(target)
    return found


def _reduced(uses: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Without the arrows that a longer way implies."""
    return {
        a: {b for b in targets if not any(b in _reachable(uses, other) for other in targets - {b})}
        for a, targets in uses.items()
    }


def _columns(urns: list[str], uses: Mapping[str, set[str]]) -> list[list[str]]:
    """Each component one column left of the leftmost that it uses."""
    depth: dict[str, int] = {}

    def depth_of(urn: str) -> int:
        if urn not in depth:
            depth[urn] = 1 + max((depth_of(target) for target in uses.get(urn, set())), default=-1)
        return depth[urn]

    deepest = max(map(depth_of, urns), default=0)
    columns: list[list[str]] = [[] for _ in range(deepest + 1)]
    for urn in urns:
        columns[deepest - depth[urn]].append(urn)
    return columns


def _facts(resources: Iterable[Resource]) -> list[str]:
    facts: Counter[str] = Counter()
    others = 0
    for resource in resources:
        if resource.type in NOTABLE:
            facts[NOTABLE[resource.type](resource.props)] += 1
        else:
            others += 1
    lines = [f"{count} x {fact}" if count > 1 else fact for fact, count in facts.items()]
    return [*lines, *([f"and {others} other{'s' * (others > 1)}"] if others else [])]


def _box(box: Resource, place: tuple[int, int, int], lines: list[str]) -> str:
    x, y, height = place
    module, class_ = box.type.split(":")[1:]
    colour = COLOURS.get(module, "#5b6570")
    text = "".join(
        f'<text x="{x + 12}" y="{y + 50 + index * LINE_HEIGHT}" fill="#16191f">{escape(_cut(line))}</text>'
        for index, line in enumerate(lines)
    )
    name = box.name if len(class_) + len(box.name) <= HEAD_CHARACTERS else ""
    return (
        f'<g><rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{height}" rx="6" fill="#ffffff" '
        f'stroke="{colour}" stroke-width="1.5"/>'
        f'<path d="M{x},{y + 30} v-24 q0,-6 6,-6 h{BOX_WIDTH - 12} q6,0 6,6 v24 z" fill="{colour}"/>'
        f'<text x="{x + 12}" y="{y + 20}" fill="#ffffff" font-weight="bold">{escape(class_)}</text>'
        f'<text x="{x + BOX_WIDTH - 12}" y="{y + 20}" fill="#ffffff" text-anchor="end">{escape(name)}</text>'
        f"{text}</g>"
    )


def _cut(line: str) -> str:
    return line if len(line) <= LINE_CHARACTERS else f"{line[: LINE_CHARACTERS - 1]}…"


def _arrow(start: tuple[int, int, int], end: tuple[int, int, int]) -> str:
    x1, y1 = start[0] + BOX_WIDTH, start[1] + 15
    x2, y2 = end[0], end[1] + 15
    bend = (x1 + x2) / 2
    return (
        f'<path d="M{x1},{y1} C{bend},{y1} {bend},{y2} {x2 - 2},{y2}" fill="none" stroke="#5b6570" '
        'stroke-width="1.2" marker-end="url(#tip)"/>'
    )
