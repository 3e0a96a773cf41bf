"""Containers, scaling, alarms, users and workflows."""

import json

from tests.unit.emulator.harness import Aws, covers, refused, subnets


@covers("application-autoscaling", "RegisterScalableTarget", "ListTagsForResource", "TagResource", "UntagResource")
def scaling_target_tags(aws: Aws) -> None:
    client = aws("application-autoscaling")
    table = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/t",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    arn = client.register_scalable_target(**table, MinCapacity=1, MaxCapacity=2, Tags={"a": "b"})["ScalableTargetARN"]
    client.tag_resource(ResourceARN=arn, Tags={"c": "d"})
    client.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"c": "d"}


@covers("ecs", "CreateService", "UpdateService")
def service_keeps_its_members_and_settles(aws: Aws) -> None:
    ecs, (_, ids) = aws("ecs"), subnets(aws)
    ecs.create_cluster(clusterName="c")
    for memory in ("512", "1024"):
        ecs.register_task_definition(
            family="t", containerDefinitions=[{"name": "a", "image": "a", "memory": int(memory)}], memory=memory
        )
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    ecs.create_service(
        cluster="c",
        serviceName="s",
        taskDefinition="t:1",
        desiredCount=2,
        capacityProviderStrategy=strategy,
        enableECSManagedTags=True,
        enableExecuteCommand=True,
        healthCheckGracePeriodSeconds=60,
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        networkConfiguration={"awsvpcConfiguration": {"subnets": ids, "securityGroups": []}},
    )
    (service,) = ecs.describe_services(cluster="c", services=["s"])["services"]
    assert service["capacityProviderStrategy"] == strategy
    assert service["enableECSManagedTags"] is service["enableExecuteCommand"] is True
    assert service["healthCheckGracePeriodSeconds"] == 60
    assert service["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"] is True
    assert (service["runningCount"], service["pendingCount"]) == (2, 0)
    assert [each["rolloutState"] for each in service["deployments"]] == ["COMPLETED"]
    assert ecs.describe_clusters(clusters=["c"])["clusters"][0]["runningTasksCount"] == 2
    ecs.update_service(
        cluster="c",
        service="s",
        taskDefinition="t:2",
        desiredCount=3,
        deploymentConfiguration={"maximumPercent": 150},
        forceNewDeployment=True,
    )
    (service,) = ecs.describe_services(cluster="c", services=["s"])["services"]
    (deployment,) = service["deployments"]
    assert service["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"] is True
    assert service["deploymentConfiguration"]["maximumPercent"] == 150
    assert deployment["taskDefinition"].endswith("t:2")
    assert (deployment["runningCount"], service["runningCount"]) == (3, 3)
    ecs.delete_service(cluster="c", service="s", force=True)
    assert ecs.describe_clusters(clusters=["c"])["clusters"][0]["runningTasksCount"] == 0


@covers("ecs", "PutAccountSettingDefault")
def account_default_is_kept(aws: Aws) -> None:
    ecs = aws("ecs")
    answer = ecs.put_account_setting_default(name="dualStackIPv6", value="enabled")
    assert answer["setting"]["principalArn"].endswith(":root")
    (kept,) = ecs.list_account_settings(name="dualStackIPv6", effectiveSettings=True)["settings"]
    assert kept["value"] == "enabled"


@covers("cloudwatch", "PutCompositeAlarm")
def composite_alarm_is_kept(aws: Aws) -> None:
    client = aws("cloudwatch")
    client.put_composite_alarm(AlarmName="composite", AlarmRule="ALARM(a) OR ALARM(b)")
    (alarm,) = client.describe_alarms(AlarmNames=["composite"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert alarm["AlarmRule"] == "ALARM(a) OR ALARM(b)"


@covers("cognito-idp", "UpdateResourceServer", "DeleteResourceServer")
def resource_server(aws: Aws) -> None:
    client = aws("cognito-idp")
    pool = client.create_user_pool(PoolName="p")["UserPool"]["Id"]
    where = {"UserPoolId": pool, "Identifier": "api"}
    client.create_resource_server(**where, Name="one")
    scopes = [{"ScopeName": "read", "ScopeDescription": "read"}]
    client.update_resource_server(**where, Name="two", Scopes=scopes)
    kept = client.describe_resource_server(**where)["ResourceServer"]
    assert (kept["Name"], kept["Scopes"]) == ("two", scopes)
    client.delete_resource_server(**where)
    assert refused(client.describe_resource_server, **where) == "ResourceNotFoundException"


@covers("cognito-idp", "DescribeUserPool", "UpdateUserPool")
def pools_keep_how_users_sign_in(aws: Aws) -> None:
    client = aws("cognito-idp")
    pool = client.create_user_pool(PoolName="kept", UsernameAttributes=["email"])["UserPool"]["Id"]
    client.update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
    client.create_user_pool_domain(
        UserPoolId=pool,
        Domain="login.example.com",
        CustomDomainConfig={"CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/c"},
    )
    found = client.describe_user_pool(UserPoolId=pool)["UserPool"]
    assert (found["UsernameAttributes"], found["UserPoolTier"]) == (["email"], "ESSENTIALS")
    assert (found["CustomDomain"], "Domain" in found) == ("login.example.com", False)


@covers("cognito-idp", "UpdateUserPoolClient")
def clients_forget_what_an_update_leaves_out(aws: Aws) -> None:
    client = aws("cognito-idp")
    pool = client.create_user_pool(PoolName="clients")["UserPool"]["Id"]
    made = client.create_user_pool_client(
        UserPoolId=pool, ClientName="web", CallbackURLs=["https://example.com/"], RefreshTokenValidity=9
    )["UserPoolClient"]["ClientId"]
    client.update_user_pool_client(UserPoolId=pool, ClientId=made, ClientName="web")
    found = client.describe_user_pool_client(UserPoolId=pool, ClientId=made)["UserPoolClient"]
    assert ("CallbackURLs" in found, found["RefreshTokenValidity"]) == (False, 30)


@covers("cognito-idp", "DeleteUserPool")
def protected_pools_stay(aws: Aws) -> None:
    client = aws("cognito-idp")
    pool = client.create_user_pool(PoolName="protected", DeletionProtection="ACTIVE")["UserPool"]["Id"]
    assert refused(client.delete_user_pool, UserPoolId=pool) == "InvalidParameterException"
    client.update_user_pool(UserPoolId=pool, DeletionProtection="INACTIVE")
    client.delete_user_pool(UserPoolId=pool)


@covers("cognito-idp", "CreateUserPoolDomain", "UpdateUserPoolDomain", "DescribeUserPoolDomain")
def login_pages_have_a_version(aws: Aws) -> None:
    client = aws("cognito-idp")
    pool = client.create_user_pool(PoolName="versions")["UserPool"]["Id"]
    client.create_user_pool_domain(UserPoolId=pool, Domain="versions", ManagedLoginVersion=2)
    describe = client.describe_user_pool_domain
    assert describe(Domain="versions")["DomainDescription"]["ManagedLoginVersion"] == 2
    client.update_user_pool_domain(UserPoolId=pool, Domain="versions", ManagedLoginVersion=1)
    assert describe(Domain="versions")["DomainDescription"]["ManagedLoginVersion"] == 1


@covers("cognito-idp", "DescribeIdentityProvider")
def directories_are_read(aws: Aws) -> None:
    client = aws("cognito-idp")
    pool = client.create_user_pool(PoolName="directories")["UserPool"]["Id"]

    def added(kind: str, **details: str) -> set[str]:
        where = {"UserPoolId": pool, "ProviderName": kind}
        client.create_identity_provider(**where, ProviderType=kind, ProviderDetails=details)
        found = client.describe_identity_provider(**where)["IdentityProvider"]["ProviderDetails"]
        assert details.items() <= found.items()
        return set(found) - set(details)

    discovered = {"authorize_url", "token_url", "attributes_url", "attributes_url_add_attributes"}
    assert added("OIDC", client_id="a", oidc_issuer="https://issuer.example.com") == {*discovered, "jwks_uri"}
    assert added("Google", client_id="a") == {*discovered, "oidc_issuer", "token_request_method"}
    assert added("SAML", MetadataURL="https://idp.example.com/metadata") == {
        *("SSORedirectBindingURI", "SLORedirectBindingURI", "ActiveEncryptionCertificate")
    }


@covers("stepfunctions", "ValidateStateMachineDefinition")
def definitions_are_validated(aws: Aws) -> None:
    validate = aws("stepfunctions").validate_state_machine_definition
    good = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    assert validate(definition=json.dumps(good))["result"] == "OK"
    bad = validate(definition=json.dumps({**good, "StartAt": "B"}))
    assert (bad["result"], bad["diagnostics"][0]["code"]) == ("FAIL", "MISSING_TRANSITION_TARGET")


@covers("stepfunctions", "ListStateMachineVersions")
def machines_have_no_versions(aws: Aws) -> None:
    client = aws("stepfunctions")
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    arn = client.create_state_machine(name="m", definition=definition, roleArn="arn:aws:iam::123456789012:role/r")[
        "stateMachineArn"
    ]
    assert client.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"] == []
    assert refused(client.list_state_machine_versions, stateMachineArn=arn + "x") == "StateMachineDoesNotExist"
