"""Networks, load balancers, gateways and names."""

import io
import json
from typing import Any

from tests.unit.emulator.harness import ACCOUNT, Aws, covers, refused, role, subnets


@covers("route53", "CreateHostedZone")
def zone_with_a_vpc_is_private(aws: Aws) -> None:
    vpc, _ = subnets(aws)
    zone = aws("route53").create_hosted_zone(
        Name="inner.example", CallerReference="1", VPC={"VPCRegion": "us-east-1", "VPCId": vpc}
    )["HostedZone"]["Id"]
    assert aws("route53").get_hosted_zone(Id=zone)["HostedZone"]["Config"]["PrivateZone"] is True


@covers("route53", "CreateHostedZone")
def zone_ids_begin_as_aws_s_do(aws: Aws) -> None:
    ids = [
        aws("route53").create_hosted_zone(Name=f"z{number}.example", CallerReference=str(number))["HostedZone"]["Id"]
        for number in range(20)
    ]
    assert all(each.startswith("/hostedzone/Z") for each in ids)


@covers("servicediscovery", "DeleteNamespace")
def namespace_takes_its_zone_along(aws: Aws) -> None:
    names, vpc = aws("servicediscovery"), aws("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    before = len(aws("route53").list_hosted_zones()["HostedZones"])
    names.create_private_dns_namespace(Name="gone.local", Vpc=vpc)
    (namespace,) = [each for each in names.list_namespaces()["Namespaces"] if each["Name"] == "gone.local"]
    assert len(aws("route53").list_hosted_zones()["HostedZones"]) == before + 1
    names.delete_namespace(Id=namespace["Id"])
    assert len(aws("route53").list_hosted_zones()["HostedZones"]) == before


@covers("elbv2", "CreateLoadBalancer", "SetSecurityGroups")
def private_link_flag_is_kept(aws: Aws) -> None:
    elb, (vpc, ids) = aws("elbv2"), subnets(aws)
    group = aws("ec2").create_security_group(GroupName="nlb", Description="nlb", VpcId=vpc)["GroupId"]
    flag = "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"
    (balancer,) = elb.create_load_balancer(Name="nlb", Type="network", Subnets=ids, SecurityGroups=[group])[
        "LoadBalancers"
    ]
    arn = balancer["LoadBalancerArn"]
    elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[group], **{flag: "off"})
    assert elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0][flag] == "off"


@covers("elbv2", "CreateLoadBalancer")
def load_balancer_is_public_unless_it_is_told_otherwise(aws: Aws) -> None:
    elb, (_, ids) = aws("elbv2"), subnets(aws)
    for name, given in (("lb-public", {}), ("lb-private", {"Scheme": "internal"})):
        (balancer,) = elb.create_load_balancer(Name=name, Subnets=ids, **given)["LoadBalancers"]
        assert balancer["Scheme"] == given.get("Scheme", "internet-facing")


@covers("ec2", "CreatePlacementGroup", "DescribePlacementGroups", "DeletePlacementGroup")
def placement_group_has_its_strategy_and_tags(aws: Aws) -> None:
    ec2, tags = aws("ec2"), [{"Key": "a", "Value": "b"}]
    tagged = [{"ResourceType": "placement-group", "Tags": tags}]
    made = ec2.create_placement_group(GroupName="near", Strategy="cluster", TagSpecifications=tagged)["PlacementGroup"]
    ec2.create_placement_group(GroupName="apart", Strategy="spread")
    twice = {"GroupName": "near", "Strategy": "partition"}
    assert refused(ec2.create_placement_group, **twice) == "InvalidPlacementGroup.Duplicate"
    for asked in ({"GroupNames": ["near"]}, {"GroupIds": [made["GroupId"]]}):
        (found,) = ec2.describe_placement_groups(**asked)["PlacementGroups"]
        assert (found["GroupName"], found["Strategy"], found["State"]) == ("near", "cluster", "available")
        assert found["Tags"] == tags
    ec2.delete_placement_group(GroupName="near")
    assert refused(ec2.describe_placement_groups, GroupNames=["near"]) == "InvalidPlacementGroup.Unknown"
    assert refused(ec2.delete_placement_group, GroupName="near") == "InvalidPlacementGroup.Unknown"
    assert [group["GroupName"] for group in ec2.describe_placement_groups()["PlacementGroups"]] == ["apart"]


@covers("ec2", "CreateLaunchTemplate")
def launch_template_tags_are_not_its_data(aws: Aws) -> None:
    tags = [{"Key": "a", "Value": "b"}]
    ec2 = aws("ec2")
    ec2.create_launch_template(
        LaunchTemplateName="own",
        LaunchTemplateData={"ImageId": "ami-1", "TagSpecifications": [{"ResourceType": "instance", "Tags": tags}]},
        TagSpecifications=[{"ResourceType": "launch-template", "Tags": tags}],
    )
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateName="own")["LaunchTemplateVersions"]
    kinds = [each["ResourceType"] for each in version["LaunchTemplateData"]["TagSpecifications"]]
    assert kinds == ["instance"]


@covers("ec2", "DeleteVpc")
def vpc_takes_its_network_acl_along(aws: Aws) -> None:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    assert len(ec2.describe_network_acls(Filters=of_vpc)["NetworkAcls"]) == 1
    ec2.delete_vpc(VpcId=vpc)
    assert ec2.describe_network_acls(Filters=of_vpc)["NetworkAcls"] == []


@covers("ec2", "DeleteNatGateway")
def nat_gateway_takes_its_interface_along(aws: Aws) -> None:
    ec2, (_, ids) = aws("ec2"), subnets(aws)
    before = len(ec2.describe_network_interfaces()["NetworkInterfaces"])
    gateway = ec2.create_nat_gateway(SubnetId=ids[0], ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    assert len(ec2.describe_network_interfaces()["NetworkInterfaces"]) == before + 1
    ec2.delete_nat_gateway(NatGatewayId=gateway)
    assert len(ec2.describe_network_interfaces()["NetworkInterfaces"]) == before


@covers("ec2", "AuthorizeSecurityGroupIngress", "DescribeSecurityGroupRules")
def security_group_rules_keep_their_descriptions(aws: Aws) -> None:
    ec2, (vpc, _) = aws("ec2"), subnets(aws)
    groups = [ec2.create_security_group(GroupName=f"d-{n}", Description="d", VpcId=vpc)["GroupId"] for n in range(2)]
    prefix_list = ec2.describe_managed_prefix_lists()["PrefixLists"][0]["PrefixListId"]
    base = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    permissions = [
        {**base, "UserIdGroupPairs": [{"GroupId": groups[1], "Description": "from the group"}]},
        {**base, "PrefixListIds": [{"PrefixListId": prefix_list, "Description": "from the list"}]},
    ]
    ec2.authorize_security_group_ingress(GroupId=groups[0], IpPermissions=permissions)
    wanted = [{"Name": "group-id", "Values": [groups[0]]}]
    rules = [
        rule for rule in ec2.describe_security_group_rules(Filters=wanted)["SecurityGroupRules"] if not rule["IsEgress"]
    ]
    assert {rule["Description"] for rule in rules} == {"from the group", "from the list"}


@covers("ec2", "CreateSubnet", "DescribeSubnets")
def subnets_are_found_by_ipv6_association(aws: Aws) -> None:
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.8.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    network = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    block = network.replace("/56", "/64")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.8.0.0/24", Ipv6CidrBlock=block)["Subnet"]
    (block_of_subnet,) = subnet["Ipv6CidrBlockAssociationSet"]
    assert block_of_subnet["Ipv6CidrBlockState"]["State"] == "associated"
    association = block_of_subnet["AssociationId"]
    wanted = [{"Name": "ipv6-cidr-block-association.association-id", "Values": [association]}]
    assert [each["SubnetId"] for each in ec2.describe_subnets(Filters=wanted)["Subnets"]] == [subnet["SubnetId"]]
    wanted = [{"Name": "ipv6-cidr-block-association.ipv6-cidr-block", "Values": [block]}]
    assert len(ec2.describe_subnets(Filters=wanted)["Subnets"]) == 1


@covers("apigateway", "PutIntegration", "GetIntegration", "CreateRestApi")
def rest_api_members(aws: Aws) -> None:
    client = aws("apigateway")
    api = client.create_rest_api(name="r", binaryMediaTypes=["image/png"])["id"]
    assert client.get_rest_api(restApiId=api)["binaryMediaTypes"] == ["image/png"]
    root = client.get_resources(restApiId=api)["items"][0]["id"]
    where = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    client.put_method(**where, authorizationType="NONE")
    client.put_integration(
        **where,
        type="HTTP_PROXY",
        integrationHttpMethod="GET",
        uri="http://x",
        connectionType="VPC_LINK",
        connectionId="link1",
        cacheKeyParameters=["method.request.path.a"],
    )
    kept = client.get_integration(**where)
    assert kept["connectionId"] == "link1"
    assert kept["cacheKeyParameters"] == ["method.request.path.a"]


@covers("apigateway", "GetRestApi")
def rest_api_policy_is_answered_with_its_escapes(aws: Aws) -> None:
    client, policy = aws("apigateway"), '{"Version": "2012-10-17", "Statement": []}'
    api = client.create_rest_api(name="policy", policy=policy)["id"]
    assert client.get_rest_api(restApiId=api)["policy"] == json.dumps(policy)[1:-1]
    plain = client.create_rest_api(name="no policy")["id"]
    assert "policy" not in client.get_rest_api(restApiId=plain)


@covers("apigatewayv2", "UpdateStage")
def stage_is_updated(aws: Aws) -> None:
    client = aws("apigatewayv2")
    api = client.create_api(Name="h", ProtocolType="HTTP")["ApiId"]
    client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True, Tags={"a": "b"})
    settings = {"ThrottlingBurstLimit": 20, "ThrottlingRateLimit": 10.0}
    client.update_stage(ApiId=api, StageName="$default", DefaultRouteSettings=settings)
    stage = client.get_stage(ApiId=api, StageName="$default")
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] == 20
    assert (stage["AutoDeploy"], stage["Tags"]) == (True, {"a": "b"})


@covers("apigatewayv2", "GetTags", "TagResource", "UntagResource")
def stages_are_tagged(aws: Aws) -> None:
    client = aws("apigatewayv2")
    api = client.create_api(Name="tags", ProtocolType="HTTP")["ApiId"]
    client.create_stage(ApiId=api, StageName="$default", Tags={"a": "b", "c": "d"})
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api}/stages/$default"
    client.tag_resource(ResourceArn=arn, Tags={"a": "new"})
    client.untag_resource(ResourceArn=arn, TagKeys=["c"])
    assert client.get_tags(ResourceArn=arn)["Tags"] == {"a": "new"}
    assert client.get_stage(ApiId=api, StageName="$default")["Tags"] == {"a": "new"}


@covers("apigatewayv2", "GetDomainName", "UpdateDomainName", "UpdateApiMapping")
def domain_name_and_mapping_are_updated(aws: Aws) -> None:
    client = aws("apigatewayv2")
    first = {"CertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1", "EndpointType": "REGIONAL"}
    client.create_domain_name(DomainName="api.example.com", DomainNameConfigurations=[first])
    (configuration,) = client.get_domain_name(DomainName="api.example.com")["DomainNameConfigurations"]
    assert configuration["DomainNameStatus"] == "AVAILABLE"
    assert configuration["ApiGatewayDomainName"].endswith("amazonaws.com")
    second = {**first, "CertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/2"}
    client.update_domain_name(DomainName="api.example.com", DomainNameConfigurations=[second])
    (configuration,) = client.get_domain_name(DomainName="api.example.com")["DomainNameConfigurations"]
    assert configuration["CertificateArn"].endswith("/2")
    api = client.create_api(Name="m", ProtocolType="HTTP")["ApiId"]
    for stage in ("one", "two"):
        client.create_stage(ApiId=api, StageName=stage)
    mapping = client.create_api_mapping(ApiId=api, DomainName="api.example.com", Stage="one", ApiMappingKey="k")
    where = {"ApiMappingId": mapping["ApiMappingId"], "DomainName": "api.example.com"}
    client.update_api_mapping(ApiId=api, Stage="two", **where)
    assert client.get_api_mapping(**where)["Stage"] == "two"


def _distribution(**more: Any) -> dict[str, Any]:
    return {
        "CallerReference": "c",
        "Comment": "",
        "Enabled": True,
        "Origins": {
            "Quantity": 1,
            "Items": [
                {
                    "Id": "o",
                    "DomainName": "b.s3.amazonaws.com",
                    "OriginAccessControlId": "OAC1",
                    "S3OriginConfig": {"OriginAccessIdentity": ""},
                }
            ],
        },
        "DefaultCacheBehavior": {
            "TargetOriginId": "o",
            "ViewerProtocolPolicy": "https-only",
            "CachePolicyId": "p",
            "FunctionAssociations": {
                "Quantity": 1,
                "Items": [{"FunctionARN": "arn:aws:cloudfront::1:function/f", "EventType": "viewer-request"}],
            },
        },
        "ViewerCertificate": {
            "ACMCertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1",
            "SSLSupportMethod": "sni-only",
        },
        **more,
    }


@covers("cloudfront", "CreateDistribution")
def distribution_members(aws: Aws) -> None:
    client = aws("cloudfront")
    made = client.create_distribution(DistributionConfig=_distribution())["Distribution"]["Id"]
    config = client.get_distribution(Id=made)["Distribution"]["DistributionConfig"]
    assert config["Origins"]["Items"][0]["OriginAccessControlId"] == "OAC1"
    assert config["DefaultCacheBehavior"]["FunctionAssociations"]["Quantity"] == 1
    assert config["DefaultCacheBehavior"]["GrpcConfig"] == {"Enabled": False}
    assert "ForwardedValues" not in config["DefaultCacheBehavior"]
    assert config["ViewerCertificate"]["CloudFrontDefaultCertificate"] is False
    plain = _distribution(CallerReference="d", ViewerCertificate={"CloudFrontDefaultCertificate": True})
    made = client.create_distribution(DistributionConfig=plain)["Distribution"]["DistributionConfig"]
    assert not {"ACMCertificateArn", "IAMCertificateId"} & set(made["ViewerCertificate"])


def _policy_life(aws: Aws, kind: str, snake: str, config: dict[str, Any]) -> None:
    client, member = aws("cloudfront"), f"{kind}Config"
    create, get = getattr(client, f"create_{snake}"), getattr(client, f"get_{snake}")
    update, delete = getattr(client, f"update_{snake}"), getattr(client, f"delete_{snake}")
    made = create(**{member: config})
    policy = made[kind]["Id"]
    assert "AlreadyExists" in refused(create, **{member: config})
    update(Id=policy, IfMatch=made["ETag"], **{member: {**config, "Comment": "new"}})
    kept = get(Id=policy)
    assert kept[kind][member]["Comment"] == "new"
    assert kept["ETag"] != made["ETag"]
    (item,) = getattr(client, f"list_{snake.removesuffix('y')}ies")()[f"{kind}List"]["Items"]
    assert item[kind]["Id"] == policy
    delete(Id=policy, IfMatch=kept["ETag"])
    assert refused(get, Id=policy) == f"NoSuch{kind}"


@covers("cloudfront", "ListCachePolicies", *(f"{verb}CachePolicy" for verb in ("Create", "Get", "Update", "Delete")))
def cache_policy(aws: Aws) -> None:
    _policy_life(aws, "CachePolicy", "cache_policy", {"Name": "c", "MinTTL": 1})


@covers(
    "cloudfront",
    "ListOriginRequestPolicies",
    *(f"{verb}OriginRequestPolicy" for verb in ("Create", "Get", "Update", "Delete")),
)
def origin_request_policy(aws: Aws) -> None:
    config = {
        "Name": "o",
        "HeadersConfig": {"HeaderBehavior": "none"},
        "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "all"},
    }
    _policy_life(aws, "OriginRequestPolicy", "origin_request_policy", config)


@covers(
    "cloudfront",
    "ListResponseHeadersPolicies",
    *(f"{verb}ResponseHeadersPolicy" for verb in ("Create", "Get", "Update", "Delete")),
)
def response_headers_policy(aws: Aws) -> None:
    _policy_life(aws, "ResponseHeadersPolicy", "response_headers_policy", {"Name": "r"})


@covers("cloudfront", "PublishFunction", "UpdateFunction", "DescribeFunction", "GetFunction")
def function_stages(aws: Aws) -> None:
    client, config = aws("cloudfront"), {"Comment": "", "Runtime": "cloudfront-js-2.0"}
    made = client.create_function(Name="f", FunctionConfig=config, FunctionCode=b"one")
    assert refused(client.describe_function, Name="f", Stage="LIVE") == "NoSuchFunctionExists"
    client.publish_function(Name="f", IfMatch=made["ETag"])
    client.update_function(Name="f", IfMatch=made["ETag"], FunctionConfig=config, FunctionCode=b"two")
    assert client.get_function(Name="f")["FunctionCode"].read() == b"two"
    assert client.get_function(Name="f", Stage="LIVE")["FunctionCode"].read() == b"one"
    live = client.describe_function(Name="f", Stage="LIVE")["FunctionSummary"]["FunctionMetadata"]
    assert live["Stage"] == "LIVE"


@covers("lambda", "CreateFunction", "GetFunctionConfiguration", "UpdateFunctionConfiguration")
def function_members(aws: Aws) -> None:
    import zipfile  # noqa: PLC0415

    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): return 1")
    client = aws("lambda")
    client.create_function(
        FunctionName="f",
        Runtime="python3.13",
        Role=role(aws, "lambda-role"),
        Handler="index.handler",
        Code={"ZipFile": code.getvalue()},
        DeadLetterConfig={"TargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"},
    )
    kept = client.get_function_configuration(FunctionName="f")
    assert kept["DeadLetterConfig"]["TargetArn"].endswith(":q")
    assert kept["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}
    logging = {"LogFormat": "JSON", "LogGroup": "/own"}
    client.update_function_configuration(FunctionName="f", LoggingConfig=logging, EphemeralStorage={"Size": 1024})
    kept = client.get_function_configuration(FunctionName="f")
    assert kept["LoggingConfig"] == logging
    assert json.loads(json.dumps(kept["EphemeralStorage"]))["Size"] == 1024
