"""Each rule of network with resources that pass, fail and are unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from policies.framework.runner import UNKNOWN, PlannedResource
from tests.unit.policies.harness import document, judged, messages, planned, urn

GROUP, DEFAULT_GROUP = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
EITHER = "aws:ec2/securityGroupRule:SecurityGroupRule"
IN, OUT = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)
VPC, LOG = "aws:ec2/vpc:Vpc", "aws:ec2/flowLog:FlowLog"
SUBNET, SERVICE = "aws:ec2/subnet:Subnet", "aws:ecs/service:Service"
TEMPLATE, INSTANCE = "aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"
LISTENER, LISTENER_RULE = "aws:lb/listener:Listener", "aws:lb/listenerRule:ListenerRule"
BALANCER, DISTRIBUTION = "aws:lb/loadBalancer:LoadBalancer", "aws:cloudfront/distribution:Distribution"
DOMAIN_NAME, DOMAIN_NAME_2 = "aws:apigateway/domainName:DomainName", "aws:apigatewayv2/domainName:DomainName"
SEARCH = "aws:opensearch/domain:Domain"
METHOD, ROUTE, API = "aws:apigateway/method:Method", "aws:apigatewayv2/route:Route", "aws:apigatewayv2/api:Api"
URL = "aws:lambda/functionUrl:FunctionUrl"
STAGE, STAGE_2, REST_API = (
    "aws:apigateway/stage:Stage",
    "aws:apigatewayv2/stage:Stage",
    "aws:apigateway/restApi:RestApi",
)
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
ENDPOINT, ENDPOINT_POLICY = "aws:ec2/vpcEndpoint:VpcEndpoint", "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy"

HTTPS = {"protocol": "tcp", "fromPort": 443, "toPort": 443}
ALL = {"protocol": "-1", "fromPort": 0, "toPort": 0}
WORLD: Mapping[str, Any] = {"cidrBlocks": ["0.0.0.0/0"]}
TLS = "ELBSecurityPolicy-TLS13-1-2-2021-06"
TO_HTTPS = [{"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}]
FORWARD = [{"type": "forward", "targetGroupArn": UNKNOWN, "order": UNKNOWN}]
PLAIN = {"plainHttpInternal": ["inside"]}
DECLARED_DEFAULT = {"defaultCertificate": ["it"]}


@dataclass(frozen=True)
class Case:
    """Resources, what is expected of them (nothing where they pass), and the rule's settings."""

    rule: str
    resources: tuple[PlannedResource, ...]
    expected: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])


def group(called: str = "it", /, **props: Any) -> PlannedResource:
    return planned(GROUP, called, **props)


def ingress(*rules: Mapping[str, Any], **props: Any) -> PlannedResource:
    return group(ingress=[dict(rule) for rule in rules], **props)


def apart(type_: str = IN, of: str = urn(GROUP), **props: Any) -> PlannedResource:
    given = {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "cidrIpv4": "0.0.0.0/0", **props}
    return planned(type_, "apart", securityGroupId=UNKNOWN, deps={"securityGroupId": [of]}, **given)


def of_vpc(type_: str, called: str = "it", of: tuple[str, ...] = (urn(VPC),), **props: Any) -> PlannedResource:
    return planned(type_, called, vpcId=UNKNOWN, deps={"vpcId": of}, **props)


def listener(called: str = "it", /, **props: Any) -> PlannedResource:
    given = {"port": 80, "protocol": "HTTP", "defaultActions": FORWARD, **props}
    return planned(LISTENER, called, loadBalancerArn=UNKNOWN, deps={"loadBalancerArn": [urn(BALANCER)]}, **given)


def behind(listener_: str, actions: Any) -> PlannedResource:
    return planned(
        LISTENER_RULE,
        "rule",
        actions=actions,
        listenerArn=UNKNOWN,
        deps={"listenerArn": [urn(LISTENER, listener_)]},
    )


def distribution(**props: Any) -> PlannedResource:
    given: dict[str, Any] = {
        "viewerCertificate": {"acmCertificateArn": UNKNOWN, "minimumProtocolVersion": "TLSv1.2_2021"},
        "defaultCacheBehavior": {"viewerProtocolPolicy": "redirect-to-https"},
        **props,
    }
    return planned(DISTRIBUTION, **given)


UNNAMED = distribution(viewerCertificate={"cloudfrontDefaultCertificate": True})


def route(key: Any, kind: Any = "NONE", /, **props: Any) -> PlannedResource:
    return planned(ROUTE, routeKey=key, authorizationType=kind, apiId=UNKNOWN, deps={"apiId": [urn(API)]}, **props)


def api(kind: str = "HTTP", /, **props: Any) -> PlannedResource:
    return planned(API, protocolType=kind, **props)


def endpoint(*statements: Mapping[str, Any], **props: Any) -> PlannedResource:
    given: dict[str, Any] = {"policy": document(*statements)} if statements else {}
    return planned(ENDPOINT, serviceName="com.amazonaws.us-east-1.s3", **given, **props)


def everyone(**changed: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*", **changed}


PUBLIC = {"tags": {"PublicLoadBalancer": "true"}}
VPC_AND_LOG = (planned(VPC), of_vpc(LOG, trafficType="ALL"))
CLOSED = of_vpc(DEFAULT_GROUP, ingress=[], egress=[])
INSIDE = planned(BALANCER, internal=True)
TO_ENDPOINT = {"vpcEndpointId": [urn(ENDPOINT)]}
OWN_ACCOUNT = {"Condition": {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}}

PASSING: dict[str, Case] = {
    "NW01 a private range on any port": Case("NW01", (ingress({**ALL, "cidrBlocks": ["10.0.0.0/8"]}),)),
    "NW01 a local IPv6 range": Case("NW01", (ingress({**HTTPS, "ipv6CidrBlocks": ["fc00::/7"]}),)),
    "NW01 another group": Case("NW01", (ingress({**ALL, "securityGroups": [UNKNOWN]}),)),
    "NW01 a prefix list": Case("NW01", (ingress({**HTTPS, "prefixListIds": ["pl-1"]}),)),
    "NW01 443 of a tagged group": Case("NW01", (ingress({**HTTPS, **WORLD}, **PUBLIC),)),
    "NW01 443 of a listed group": Case(
        "NW01", (ingress({**HTTPS, **WORLD}),), settings={"publicSecurityGroups": ["i?"]}
    ),
    "NW01 443 of a tagged group, apart": Case("NW01", (group(**PUBLIC), apart())),
    "NW01 443 of a listed group, apart": Case("NW01", (group(), apart()), settings={"publicSecurityGroups": ["it"]}),
    "NW01 443 of a private range, apart": Case("NW01", (group(), apart(cidrIpv4="10.0.0.0/8"))),
    "NW01 443 by the protocol's number": Case("NW01", (group(**PUBLIC), apart(ipProtocol="6"))),
    "NW01 443 to the world": Case("NW01", (group(), apart(OUT))),
    "NW01 every protocol to another group": Case(
        "NW01", (group(), apart(OUT, ipProtocol="-1", cidrIpv4=None, referencedSecurityGroupId=UNKNOWN))
    ),
    "NW01 an unknown range on one port, out": Case("NW01", (group(egress=[{**HTTPS, "cidrBlocks": [UNKNOWN]}]),)),
    "NW02 closed and logged": Case("NW02", (*VPC_AND_LOG, CLOSED)),
    "NW02 a group without lists is closed": Case("NW02", (*VPC_AND_LOG, of_vpc(DEFAULT_GROUP))),
    "NW02 by id": Case(
        "NW02",
        (
            planned(VPC, id="vpc-1"),
            planned(DEFAULT_GROUP, vpcId="vpc-1"),
            planned(LOG, vpcId="vpc-1", trafficType="REJECT"),
        ),
    ),
    "NW02 a VPC inside a component": Case(
        "NW02",
        (
            replace(planned(VPC), parent=urn("awsx:ec2:Vpc")),
            of_vpc(DEFAULT_GROUP, of=(urn("awsx:ec2:Vpc"),)),
            of_vpc(LOG, of=(urn("awsx:ec2:Vpc"),), trafficType="ALL"),
        ),
    ),
    "NW02 a component that names its parts": Case(
        "NW02",
        (
            replace(planned(VPC), parent=urn("awsx:ec2:Vpc")),
            of_vpc(DEFAULT_GROUP, of=(urn("awsx:ec2:Vpc"), urn(VPC), urn(SUBNET))),
            of_vpc(LOG, of=(urn("awsx:ec2:Vpc"), urn(VPC), urn(SUBNET)), trafficType="ALL"),
        ),
    ),
    "NW03 off": Case("NW03", (planned(SUBNET, mapPublicIpOnLaunch=False), planned(SUBNET))),
    "NW03 the public tier by awsx's tag": Case(
        "NW03", (planned(SUBNET, mapPublicIpOnLaunch=True, tags={"SubnetType": "Public"}),)
    ),
    "NW03 the public tier by tag": Case("NW03", (planned(SUBNET, mapPublicIpOnLaunch=True, tags={"Tier": "public"}),)),
    "NW03 a default subnet of the public tier": Case(
        "NW03", (planned("aws:ec2/defaultSubnet:DefaultSubnet", tags={"Tier": "Public"}),)
    ),
    "NW03 the public tier by name": Case(
        "NW03",
        (planned(INSTANCE, "edge-1", associatePublicIpAddress=True),),
        settings={"publicTier": ["edge-*"]},
    ),
    "NW03 a private service in unknown subnets": Case(
        "NW03", (planned(SERVICE, networkConfiguration={"assignPublicIp": False, "subnets": UNKNOWN}),)
    ),
    "NW03 a template that does not say": Case("NW03", (planned(TEMPLATE, networkInterfaces=[{"subnetId": UNKNOWN}]),)),
    "NW04 TLS 1.2": Case("NW04", (listener(protocol="HTTPS", sslPolicy=TLS),)),
    "NW04 TLS 1.2 on a network load balancer": Case(
        "NW04", (listener(protocol="TLS", sslPolicy="ELBSecurityPolicy-TLS13-1-3-FIPS-PQ-2025-09"),)
    ),
    **{
        f"NW04 {policy}": Case("NW04", (listener(protocol="HTTPS", sslPolicy=policy),))
        for policy in ("ELBSecurityPolicy-TLS-1-2-Ext-2018-06", "ELBSecurityPolicy-FS-1-2-Res-2020-10")
    },
    "NW04 internal, by ARN": Case(
        "NW04",
        (
            planned(LISTENER, "inside", port=80, defaultActions=FORWARD, loadBalancerArn="arn:1"),
            planned(BALANCER, arn="arn:1", internal=True),
        ),
        settings=PLAIN,
    ),
    "NW04 TCP": Case("NW04", (listener(protocol="TCP"),)),
    "NW04 a gateway load balancer": Case("NW04", (listener(protocol=None, port=None),)),
    "NW04 a redirect": Case("NW04", (listener(defaultActions=TO_HTTPS), behind("it", TO_HTTPS))),
    "NW04 internal and declared": Case("NW04", (listener("inside"), behind("inside", FORWARD), INSIDE), settings=PLAIN),
    "NW04 API domains": Case(
        "NW04",
        (
            planned(DOMAIN_NAME, securityPolicy="SecurityPolicy_TLS13_1_2_PQ_2025_09"),
            planned(DOMAIN_NAME_2, domainNameConfiguration={"securityPolicy": "TLS_1_2"}),
        ),
    ),
    "NW04 a distribution": Case("NW04", (distribution(),)),
    "NW04 CloudFront's certificate, declared": Case("NW04", (UNNAMED,), settings=DECLARED_DEFAULT),
    "NW04 a search domain": Case(
        "NW04", (planned(SEARCH, domainEndpointOptions={"tlsSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10"}),)
    ),
    "NW05 a declared default route": Case(
        "NW05", (route("$default"), api()), settings={"routesAuthorisedBehind": ["$default"]}
    ),
    "NW05 authorised": Case(
        "NW05",
        (
            route("GET /a", "JWT"),
            planned(METHOD, authorization="AWS_IAM", httpMethod="GET"),
            planned(URL, authorizationType="AWS_IAM"),
        ),
    ),
    "NW05 a REST method with an API key": Case(
        "NW05", (planned(METHOD, authorization="NONE", httpMethod="GET", apiKeyRequired=True),)
    ),
    "NW05 a browser's question": Case(
        "NW05", (planned(METHOD, authorization="NONE", httpMethod="OPTIONS"), route("OPTIONS /{proxy+}"))
    ),
    "NW05 declared by key": Case("NW05", (route("ANY /"), api()), settings={"routesAuthorisedBehind": ["ANY /"]}),
    "NW05 declared by name": Case("NW05", (route("ANY /"),), settings={"routesAuthorisedBehind": ["i*"]}),
    "NW05 a login": Case("NW05", (route("GET /login"), route("$default"), api()), settings={"publicRoutes": ["i*"]}),
    "NW05 an authorised default route": Case("NW05", (route("$default", "CUSTOM"), api())),
    "NW05 messages of a WebSocket": Case(
        "NW05", (route("$default"), api("WEBSOCKET"), replace(route("send"), urn=urn(ROUTE, "send")))
    ),
    "NW06 logged and filtered": Case(
        "NW06",
        (
            planned(STAGE, accessLogSettings={"destinationArn": UNKNOWN}),
            planned(ASSOCIATION, resourceArn=UNKNOWN, deps={"resourceArn": [urn(STAGE)]}),
            distribution(loggingConfig={"bucket": UNKNOWN}, webAclId=UNKNOWN),
        ),
    ),
    "NW06 an HTTP API, which cannot have a web ACL": Case(
        "NW06", (planned(STAGE_2, accessLogSettings={"destinationArn": UNKNOWN}),)
    ),
    "NW06 what is not public": Case(
        "NW06",
        (
            planned(REST_API, endpointConfiguration={"types": "PRIVATE"}),
            planned(
                STAGE,
                accessLogSettings={"destinationArn": UNKNOWN},
                restApi=UNKNOWN,
                deps={"restApi": [urn(REST_API)]},
            ),
            planned(BALANCER, internal=True, accessLogs={"enabled": True}),
            planned(BALANCER, loadBalancerType="network", accessLogs={"enabled": True}),
        ),
    ),
    "NW07 this account": Case("NW07", (endpoint(everyone(**OWN_ACCOUNT)),)),
    "NW07 a denial": Case("NW07", (endpoint(everyone(**OWN_ACCOUNT), everyone(Effect="Deny")),)),
    "NW07 a few actions": Case("NW07", (endpoint(everyone(Action=["s3:GetObject"])),)),
    "NW07 a named role": Case("NW07", (endpoint(everyone(Principal={"AWS": "arn:aws:iam::123456789012:role/a"})),)),
    "NW07 a named bucket": Case("NW07", (endpoint(everyone(Resource="arn:aws:s3:::bucket/*")),)),
    "NW07 a policy of its own": Case(
        "NW07",
        (
            endpoint(),
            planned(ENDPOINT_POLICY, policy=document(everyone(**OWN_ACCOUNT)), vpcEndpointId=UNKNOWN, deps=TO_ENDPOINT),
        ),
    ),
    "NW07 one action among many that are limited": Case(
        "NW07", (endpoint(everyone(Action=["s3:Get*", "s3:List*"]), vpcEndpointType="Gateway"),)
    ),
    "NW07 a policy of its own over the one that AWS gave": Case(
        "NW07",
        (
            endpoint(everyone()),
            planned(ENDPOINT_POLICY, policy=document(everyone(**OWN_ACCOUNT)), vpcEndpointId=UNKNOWN, deps=TO_ENDPOINT),
        ),
    ),
    "NW07 where there are no policies": Case(
        "NW07",
        (
            planned(ENDPOINT, vpcEndpointType="GatewayLoadBalancer"),
            planned(ENDPOINT, vpcEndpointType="Interface", serviceName="com.amazonaws.vpce.us-east-1.vpce-svc-1"),
        ),
    ),
}

FAILING: dict[str, Case] = {
    "NW01 SSH": Case(
        "NW01", (ingress({**HTTPS, "fromPort": 22, "toPort": 22, **WORLD}),), "ingress[0] lets the world in on more"
    ),
    "NW01 all": Case("NW01", (ingress({**ALL, **WORLD}, **PUBLIC),), "on more than TCP 443"),
    "NW01 443 among others": Case(
        "NW01", (ingress({**HTTPS, "fromPort": 80, **WORLD}, **PUBLIC),), "on more than TCP 443"
    ),
    "NW01 443 over UDP": Case(
        "NW01", (ingress({**HTTPS, "protocol": "udp", **WORLD}, **PUBLIC),), "on more than TCP 443"
    ),
    "NW01 443 of a group that is not declared": Case("NW01", (ingress({**HTTPS, **WORLD}),), "not declared public"),
    "NW01 IPv6": Case("NW01", (ingress({**ALL, "ipv6CidrBlocks": ["::/0"]}),), "lets the world in"),
    "NW01 half of the world": Case(
        "NW01", (ingress({**ALL, "cidrBlocks": ["10.0.0.0/16", "128.0.0.0/1"]}),), "lets the world in"
    ),
    "NW01 all of IPv6 that is in use": Case("NW01", (ingress({**ALL, "ipv6CidrBlocks": ["2000::/3"]}),), "the world"),
    "NW01 the default group": Case("NW01", (planned(DEFAULT_GROUP, ingress=[{**ALL, **WORLD}]),), "ingress[0]"),
    "NW01 a rule of either kind": Case(
        "NW01",
        (planned(EITHER, type="ingress", protocol="all", fromPort=0, toPort=0, **WORLD),),
        "the rule lets the world in",
    ),
    "NW01 apart, another port": Case("NW01", (group(**PUBLIC), apart(toPort=8443)), "the rule lets the world in on"),
    "NW01 apart, of a group that is not declared": Case("NW01", (group(), apart()), "no group declared public"),
    "NW01 apart, of a group that is not here": Case("NW01", (apart(),), "no group declared public"),
    "NW01 apart, perhaps of a group that is not declared": Case(
        "NW01",
        (
            group(**PUBLIC),
            group("other"),
            planned(
                IN,
                ipProtocol="tcp",
                fromPort=443,
                toPort=443,
                cidrIpv6="::/0",
                securityGroupId=UNKNOWN,
                deps={"securityGroupId": [urn(GROUP), urn(GROUP, "other")]},
            ),
        ),
        "no group declared public",
    ),
    "NW01 every protocol to the world": Case(
        "NW01", (group(egress=[{**ALL, **WORLD}], **PUBLIC),), "egress[0] lets every protocol out"
    ),
    "NW01 every protocol to the world, apart": Case(
        "NW01", (apart(OUT, ipProtocol="-1"),), "the rule lets every protocol out"
    ),
    "NW01 every protocol to the world, as no protocol": Case(
        "NW01", (group(egress=[{**WORLD}]),), "lets every protocol out"
    ),
    "NW01 every protocol to the world, of either kind": Case(
        "NW01",
        (planned(EITHER, type="egress", protocol="all", fromPort=0, toPort=0, ipv6CidrBlocks=["::/0"]),),
        "lets every protocol out",
    ),
    "NW01 unknown rules": Case("NW01", (group(ingress=UNKNOWN),), "'ingress' is unknown"),
    "NW01 an unknown rule": Case("NW01", (group(ingress=[UNKNOWN]),), "'ingress[0]' is unknown"),
    "NW01 an unknown range": Case(
        "NW01", (ingress({**HTTPS, "cidrBlocks": ["10.0.0.0/8", UNKNOWN]}),), "'ingress[0].cidrBlocks[1]' is unknown"
    ),
    "NW01 an unknown range, apart": Case("NW01", (apart(cidrIpv4=UNKNOWN),), "'cidrIpv4' is unknown"),
    "NW01 an unknown port": Case(
        "NW01", (ingress({**HTTPS, "toPort": UNKNOWN, **WORLD}),), "'ingress[0].toPort' is unknown"
    ),
    "NW01 an unknown direction": Case("NW01", (planned(EITHER, type=UNKNOWN, **WORLD),), "'type' is unknown"),
    "NW01 unknown tags": Case("NW01", (ingress({**HTTPS, **WORLD}, tags=UNKNOWN),), "'tags.PublicLoadBalancer' is"),
    "NW01 no range": Case("NW01", (ingress({**HTTPS, "cidrBlocks": ["anywhere"]}),), "ValueError"),
    "NW02 no default group": Case("NW02", VPC_AND_LOG, "no DefaultSecurityGroup"),
    "NW02 AWS's own VPC": Case("NW02", (planned("aws:ec2/defaultVpc:DefaultVpc"),), "no FlowLog"),
    "NW02 opened by a rule of either kind": Case(
        "NW02",
        (
            *VPC_AND_LOG,
            CLOSED,
            planned(EITHER, securityGroupId=UNKNOWN, deps={"securityGroupId": [urn(DEFAULT_GROUP)]}),
        ),
        "of their own",
    ),
    "NW02 another VPC's": Case(
        "NW02",
        (*VPC_AND_LOG, CLOSED, planned(VPC, "second"), of_vpc(LOG, "second", (urn(VPC, "second"),), trafficType="ALL")),
        "no DefaultSecurityGroup",
    ),
    "NW02 nobody can say which of two": Case(
        "NW02",
        (
            *VPC_AND_LOG,
            planned(VPC, "second"),
            of_vpc(DEFAULT_GROUP, of=(urn(VPC), urn(VPC, "second"))),
        ),
        "no DefaultSecurityGroup",
    ),
    "NW02 an open default group": Case(
        "NW02", (*VPC_AND_LOG, of_vpc(DEFAULT_GROUP, egress=[{**HTTPS, **WORLD}])), "egress leaves the default"
    ),
    "NW02 an unknown default group": Case(
        "NW02", (*VPC_AND_LOG, of_vpc(DEFAULT_GROUP, ingress=UNKNOWN)), "'ingress' is unknown"
    ),
    "NW02 opened by a rule apart": Case("NW02", (*VPC_AND_LOG, CLOSED, apart(OUT, urn(DEFAULT_GROUP))), "of their own"),
    "NW02 no flow log": Case("NW02", (planned(VPC), CLOSED), "no FlowLog"),
    "NW02 a subnet's flow log": Case("NW02", (planned(VPC), CLOSED, planned(LOG, subnetId=UNKNOWN)), "no FlowLog"),
    "NW02 half a flow log": Case("NW02", (planned(VPC), CLOSED, of_vpc(LOG, trafficType="ACCEPT")), "no FlowLog"),
    "NW02 an unknown flow log": Case(
        "NW02", (planned(VPC), CLOSED, of_vpc(LOG, trafficType=UNKNOWN)), "'trafficType' is unknown"
    ),
    "NW03 a subnet": Case("NW03", (planned(SUBNET, mapPublicIpOnLaunch=True),), "mapPublicIpOnLaunch is on outside"),
    "NW03 a subnet of another tier": Case(
        "NW03", (planned(SUBNET, mapPublicIpOnLaunch=True, tags={"SubnetType": "Private"}),), "outside the public tier"
    ),
    "NW03 a default subnet, unless told otherwise": Case(
        "NW03", (planned("aws:ec2/defaultSubnet:DefaultSubnet"),), "mapPublicIpOnLaunch is on"
    ),
    "NW03 a service": Case(
        "NW03",
        (planned(SERVICE, networkConfiguration={"assignPublicIp": True}),),
        "networkConfiguration.assignPublicIp",
    ),
    "NW03 a scheduled task": Case(
        "NW03",
        (
            planned(
                "aws:scheduler/schedule:Schedule",
                target={"ecsParameters": {"networkConfiguration": {"assignPublicIp": True}}},
            ),
        ),
        "assignPublicIp is on",
    ),
    "NW03 a template, as a text": Case(
        "NW03",
        (planned(TEMPLATE, networkInterfaces=[{}, {"associatePublicIpAddress": "true"}]),),
        "networkInterfaces[1].associatePublicIpAddress is on",
    ),
    "NW03 an instance, whatever its tags": Case(
        "NW03", (planned(INSTANCE, associatePublicIpAddress=True, tags={"Tier": "Public"}),), "is on outside"
    ),
    "NW03 unknown": Case("NW03", (planned(SUBNET, mapPublicIpOnLaunch=UNKNOWN),), "'mapPublicIpOnLaunch' is unknown"),
    "NW03 unknown tags": Case(
        "NW03", (planned(SUBNET, mapPublicIpOnLaunch=True, tags=UNKNOWN),), "'tags.SubnetType' is unknown"
    ),
    "NW03 an unknown network": Case(
        "NW03", (planned(SERVICE, networkConfiguration=UNKNOWN),), "'networkConfiguration.assignPublicIp' is unknown"
    ),
    "NW04 plain HTTP": Case("NW04", (listener(), INSIDE), "does not only redirect"),
    "NW04 plain HTTP, by default": Case("NW04", (listener(protocol=None), INSIDE), "does not only redirect"),
    "NW04 a redirect to HTTP": Case(
        "NW04", (listener(defaultActions=[{"type": "redirect", "redirect": {"port": "8080"}}]),), "does not only"
    ),
    "NW04 a redirect among others": Case(
        "NW04", (listener(defaultActions=[*TO_HTTPS, *FORWARD]),), "does not only redirect"
    ),
    "NW04 a rule past the redirect, by ARN": Case(
        "NW04",
        (
            planned(LISTENER, arn="arn:1", port=80, defaultActions=TO_HTTPS),
            planned(LISTENER_RULE, listenerArn="arn:1", actions=FORWARD),
        ),
        "the rule serves plain HTTP",
    ),
    "NW04 a rule past the redirect": Case(
        "NW04", (listener(defaultActions=TO_HTTPS), behind("it", FORWARD)), "the rule serves plain HTTP"
    ),
    "NW04 declared, but public": Case(
        "NW04", (listener("inside"), planned(BALANCER)), "no internal load balancer", settings=PLAIN
    ),
    "NW04 declared, on a load balancer that is not here": Case(
        "NW04", (listener("inside"),), "no internal load balancer", settings=PLAIN
    ),
    "NW04 declared, on a load balancer that may be public": Case(
        "NW04", (listener("inside"), planned(BALANCER, internal=UNKNOWN)), "'internal' is unknown", settings=PLAIN
    ),
    "NW04 AWS's default policy": Case("NW04", (listener(protocol="HTTPS"),), "sslPolicy is not set"),
    "NW04 TLS 1.0": Case(
        "NW04", (listener(protocol="TLS", sslPolicy="ELBSecurityPolicy-TLS13-1-0-2021-06"),), "sslPolicy allows TLS"
    ),
    "NW04 an unknown policy": Case("NW04", (listener(protocol="HTTPS", sslPolicy=UNKNOWN),), "'sslPolicy' is unknown"),
    "NW04 an unknown protocol": Case("NW04", (listener(protocol=UNKNOWN),), "'protocol' is unknown"),
    "NW04 an unknown action": Case("NW04", (listener(defaultActions=UNKNOWN),), "'defaultActions' is unknown"),
    "NW04 an API domain": Case("NW04", (planned(DOMAIN_NAME),), "securityPolicy is not set"),
    "NW04 an old API domain": Case("NW04", (planned(DOMAIN_NAME, securityPolicy="TLS_1_0"),), "securityPolicy allows"),
    "NW04 an unknown API domain": Case(
        "NW04", (planned(DOMAIN_NAME_2, domainNameConfiguration=UNKNOWN),), "securityPolicy' is unknown"
    ),
    "NW04 CloudFront's certificate": Case(
        "NW04",
        (
            distribution(
                viewerCertificate={"cloudfrontDefaultCertificate": True, "minimumProtocolVersion": "TLSv1.2_2021"}
            ),
        ),
        "CloudFront's own certificate",
    ),
    "NW04 CloudFront's certificate, not declared": Case("NW04", (UNNAMED,), "CloudFront's own certificate"),
    "NW04 CloudFront's certificate beside a name": Case(
        "NW04",
        (distribution(viewerCertificate={"cloudfrontDefaultCertificate": True}, aliases=["www.example.com"]),),
        "CloudFront's own certificate",
        settings=DECLARED_DEFAULT,
    ),
    "NW04 CloudFront's certificate, declared, over HTTP": Case(
        "NW04",
        (
            distribution(
                viewerCertificate={"cloudfrontDefaultCertificate": True},
                defaultCacheBehavior={"viewerProtocolPolicy": "allow-all"},
            ),
        ),
        "defaultCacheBehavior.viewerProtocolPolicy",
        settings=DECLARED_DEFAULT,
    ),
    "NW04 an old distribution": Case(
        "NW04", (distribution(viewerCertificate={"minimumProtocolVersion": "TLSv1.1_2016"}),), "allows TLS older"
    ),
    "NW04 a path over HTTP": Case(
        "NW04",
        (distribution(orderedCacheBehaviors=[{"viewerProtocolPolicy": "allow-all"}]),),
        "orderedCacheBehaviors[0].viewerProtocolPolicy",
    ),
    "NW04 a search domain over HTTP": Case(
        "NW04", (planned(SEARCH, domainEndpointOptions={"enforceHttps": False}),), "enforceHttps is off"
    ),
    "NW04 a search domain that says nothing": Case("NW04", (planned(SEARCH),), "tlsSecurityPolicy is not set"),
    "NW05 a route": Case("NW05", (route("ANY /{proxy+}"),), "authorizationType lets everyone"),
    "NW05 a route that says nothing": Case("NW05", (route("GET /", None),), "authorizationType lets everyone"),
    "NW05 a key, which HTTP APIs do not ask for": Case("NW05", (route("GET /", apiKeyRequired=True),), "lets everyone"),
    "NW05 the opening of a WebSocket": Case("NW05", (route("$connect"), api("WEBSOCKET")), "lets everyone"),
    "NW05 the default route": Case("NW05", (route("$default"), api()), "lets everyone"),
    "NW05 the default route of an API that is not here": Case("NW05", (route("$default"),), "lets everyone"),
    "NW05 a method": Case(
        "NW05", (planned(METHOD, authorization="NONE", httpMethod="POST"),), "authorization lets everyone"
    ),
    "NW05 a function's address": Case("NW05", (planned(URL, authorizationType="NONE"),), "lets everyone"),
    "NW05 a route made in passing": Case("NW05", (api(target=UNKNOWN),), "target makes a route"),
    "NW05 another route than the declared": Case(
        "NW05", (route("ANY /other"),), "lets everyone", settings={"routesAuthorisedBehind": ["ANY /"]}
    ),
    "NW05 unknown": Case("NW05", (route("GET /", UNKNOWN),), "'authorizationType' is unknown"),
    "NW05 an unknown key": Case("NW05", (route(UNKNOWN), api()), "'routeKey' is unknown"),
    "NW05 an unknown need of a key": Case(
        "NW05",
        (planned(METHOD, authorization="NONE", httpMethod="GET", apiKeyRequired=UNKNOWN),),
        "'apiKeyRequired' is unknown",
    ),
}

ADVICE: dict[str, Case] = {
    "NW06 stages": Case("NW06", (planned(STAGE_2),), "accessLogSettings is not set"),
    "NW06 REST stages": Case("NW06", (planned(STAGE),), "accessLogSettings is not set"),
    "NW06 a public balancer that says its type": Case(
        "NW06", (planned(BALANCER, loadBalancerType="application"),), "no web ACL"
    ),
    "NW06 balancers": Case("NW06", (planned(BALANCER, internal=True),), "accessLogs is not enabled"),
    "NW06 distributions": Case("NW06", (distribution(),), "neither loggingConfig nor a log delivery"),
    "NW06 a distribution's web ACL": Case("NW06", (distribution(),), "webAclId is not set"),
    "NW06 a public stage": Case("NW06", (planned(STAGE),), "no web ACL is associated"),
    "NW06 a public balancer": Case("NW06", (planned(BALANCER, accessLogs={"enabled": True}),), "no web ACL"),
    "NW06 a distribution that is there, without": Case("NW06", (distribution(webAclId=""),), "webAclId is not set"),
    "NW06 another's web ACL": Case(
        "NW06",
        (planned(BALANCER), planned(ASSOCIATION, resourceArn=UNKNOWN, deps={"resourceArn": [urn(STAGE)]})),
        "no web ACL",
    ),
    "NW06 unknown": Case("NW06", (planned(BALANCER, accessLogs=UNKNOWN),), "'accessLogs.enabled' is unknown"),
    "NW07 no policy": Case("NW07", (endpoint(),), "policy is not set"),
    "NW07 an open policy": Case("NW07", (endpoint(everyone()),), "statement 1: allows everyone everything"),
    "NW07 all of the endpoint's service": Case(
        "NW07", (endpoint(everyone(Action="s3:*", Resource="arn:aws:s3:::*")),), "allows everyone everything"
    ),
    "NW07 a condition that limits nobody": Case(
        "NW07",
        (endpoint(everyone(Condition={"Bool": {"aws:SecureTransport": "true"}})),),
        "allows everyone everything",
    ),
    "NW07 all but some": Case(
        "NW07",
        (
            endpoint(
                {"Effect": "Allow", "Principal": {"AWS": ["a", "*"]}, "NotAction": "s3:PutObject", "NotResource": "a"}
            ),
        ),
        "allows everyone everything",
    ),
    "NW07 everything besides something": Case(
        "NW07",
        (endpoint(everyone(Action=["s3:GetObject", "*"], Resource=["arn:aws:s3:::a", "*"])),),
        "allows everyone everything",
    ),
    "NW07 a policy of its own that is open": Case(
        "NW07", (planned(ENDPOINT_POLICY, policy=document(everyone())),), "allows everyone everything"
    ),
    "NW07 no document": Case("NW07", (endpoint(policy="{"),), "is not JSON"),
    "NW07 unknown": Case("NW07", (endpoint(policy=UNKNOWN),), "'policy' is unknown"),
}


@pytest.mark.parametrize("case", PASSING.values(), ids=PASSING)
def test_passes(case: Case) -> None:
    assert messages(case.rule, *case.resources, config={case.rule: dict(case.settings)}) == ""


@pytest.mark.parametrize(
    ("case", "level"),
    [*((case, "mandatory") for case in FAILING.values()), *((case, "advisory") for case in ADVICE.values())],
    ids=[*FAILING, *ADVICE],
)
def test_fails(case: Case, level: str) -> None:
    findings = judged(case.rule, *case.resources, config={case.rule: dict(case.settings)})
    assert any(case.expected in finding.message for finding in findings), [finding.message for finding in findings]
    assert {finding.level for finding in findings} == {level}
    assert {finding.urn for finding in findings} <= {resource.urn for resource in case.resources}
    assert len({(finding.urn, finding.message) for finding in findings}) == len(findings), "the same is said twice"


def test_nw02_each_vpc_is_judged_for_itself() -> None:
    bare = planned(VPC, "bare")
    findings = judged("NW02", *VPC_AND_LOG, CLOSED, bare)
    assert {(finding.urn, finding.message.split()[1]) for finding in findings} == {
        (bare.urn, "DefaultSecurityGroup"),
        (bare.urn, "FlowLog"),
    }


def test_what_the_provider_computes_is_not_given() -> None:
    computed = replace(planned(ENDPOINT, policy=UNKNOWN), property_dependencies={})
    assert "policy is not set" in messages("NW07", computed)
