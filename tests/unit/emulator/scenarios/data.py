"""Databases, storage, keys and secrets."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.unit.emulator.harness import ACCOUNT, REGION, Aws, covers, refused


@covers("s3", "PutObject")
def conditional_deny_does_not_block(aws: Aws) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket="conditional-deny")
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::conditional-deny", "arn:aws:s3:::conditional-deny/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(
        Bucket="conditional-deny", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    s3.put_object(Bucket="conditional-deny", Key="a", Body=b"1")
    assert s3.get_object(Bucket="conditional-deny", Key="a")["Body"].read() == b"1"


@covers("s3", "PutBucketLogging")
def logs_go_to_a_bucket_that_also_denies_everyone(aws: Aws) -> None:
    s3 = aws("s3")
    for bucket in ("log-source", "log-target"):
        s3.create_bucket(Bucket=bucket)
    logging = {"LoggingEnabled": {"TargetBucket": "log-target", "TargetPrefix": "p/"}}
    where = {"Bucket": "log-source", "BucketLoggingStatus": logging}
    assert refused(s3.put_bucket_logging, **where) == "InvalidTargetBucketForLogging"
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::log-target/*"}
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": ["s3:PutObject"],
        "Resource": ["arn:aws:s3:::log-target/*"],
    }
    policy = {"Version": "2012-10-17", "Statement": [deny, allow]}
    s3.put_bucket_policy(Bucket="log-target", Policy=json.dumps(policy))
    s3.put_bucket_logging(**where)
    assert s3.get_bucket_logging(Bucket="log-source")["LoggingEnabled"]["TargetBucket"] == "log-target"


@covers("s3", "DeleteObjects")
def a_suspended_bucket_with_a_delete_marker_can_be_emptied(aws: Aws) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket="emptied")
    for status in ("Enabled", "Suspended"):
        s3.put_bucket_versioning(Bucket="emptied", VersioningConfiguration={"Status": status})
        if status == "Enabled":
            s3.put_object(Bucket="emptied", Key="a", Body=b"1")
            s3.delete_object(Bucket="emptied", Key="a")
    listed = s3.list_object_versions(Bucket="emptied")
    for kind in ("DeleteMarkers", "Versions"):
        found = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in listed[kind]]
        s3.delete_objects(Bucket="emptied", Delete={"Objects": found})
    assert s3.list_object_versions(Bucket="emptied").get("Versions", []) == []
    s3.delete_bucket(Bucket="emptied")


@covers("kms", "EnableKeyRotation", "GetKeyRotationStatus")
def rotation_period_is_kept(aws: Aws) -> None:
    kms = aws("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 180
    kms.enable_key_rotation(KeyId=key)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 180


@covers("kms", "DescribeKey")
def a_services_key_is_one_and_awss(aws: Aws) -> None:
    kms = aws("kms")
    with ThreadPoolExecutor() as pool:
        asked = pool.map(lambda _: kms.describe_key(KeyId="alias/aws/dynamodb")["KeyMetadata"], range(8))
        assert {key["KeyManager"] for key in asked} == {"AWS"}
    aliases = [alias["AliasName"] for alias in kms.list_aliases()["Aliases"] if alias.get("TargetKeyId")]
    assert aliases.count("alias/aws/dynamodb") == 1


@covers("dynamodb", "UpdateTable")
def a_table_on_demand_has_no_capacity(aws: Aws) -> None:
    dynamodb = aws("dynamodb")
    units = {"ReadCapacityUnits": 3, "WriteCapacityUnits": 3}
    key = [{"AttributeName": "k", "KeyType": "HASH"}]
    dynamodb.create_table(
        TableName="goes-on-demand",
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        KeySchema=key,
        ProvisionedThroughput=units,
        GlobalSecondaryIndexes=[
            {
                "IndexName": "index",
                "KeySchema": key,
                "Projection": {"ProjectionType": "KEYS_ONLY"},
                "ProvisionedThroughput": units,
            }
        ],
    )
    dynamodb.update_table(TableName="goes-on-demand", BillingMode="PAY_PER_REQUEST")
    table = dynamodb.describe_table(TableName="goes-on-demand")["Table"]
    for part in (table, *table["GlobalSecondaryIndexes"]):
        assert part["ProvisionedThroughput"]["ReadCapacityUnits"] == 0


@covers("efs", "PutBackupPolicy", "DescribeBackupPolicy")
def backup_policy_is_kept(aws: Aws) -> None:
    efs = aws("efs")
    system = efs.create_file_system(CreationToken="backup", Backup=True)["FileSystemId"]
    efs.put_backup_policy(FileSystemId=system, BackupPolicy={"Status": "DISABLED"})
    assert efs.describe_backup_policy(FileSystemId=system)["BackupPolicy"]["Status"] == "DISABLED"


@covers("efs", "DeleteFileSystemPolicy")
def file_system_policy_is_deleted(aws: Aws) -> None:
    efs = aws("efs")
    system = efs.create_file_system(CreationToken="policy")["FileSystemId"]
    efs.put_file_system_policy(FileSystemId=system, Policy=json.dumps({"Version": "2012-10-17", "Statement": []}))
    efs.delete_file_system_policy(FileSystemId=system)
    assert refused(efs.describe_file_system_policy, FileSystemId=system) == "PolicyNotFound"


def _cluster(aws: Aws, name: str, **more: Any) -> dict[str, Any]:
    return aws("rds").create_db_cluster(
        DBClusterIdentifier=name,
        Engine="aurora-mysql",
        EngineVersion="8.0.mysql_aurora.3.08.2",
        MasterUsername="platform",
        **({"ManageMasterUserPassword": True} | more),
    )["DBCluster"]


@covers("rds", "DescribeDBEngineVersions")
def engine_versions(aws: Aws) -> None:
    rds = aws("rds")
    found = rds.describe_db_engine_versions(Engine="aurora-postgresql", EngineVersion="16")["DBEngineVersions"]
    assert {version["DBParameterGroupFamily"] for version in found} == {"aurora-postgresql16"}
    (mysql,) = rds.describe_db_engine_versions(Engine="mysql", EngineVersion="8.0")["DBEngineVersions"]
    assert mysql["DBParameterGroupFamily"] == "mysql8.0"
    (default,) = rds.describe_db_engine_versions(Engine="aurora-mysql", DefaultOnly=True)["DBEngineVersions"]
    assert default["DBParameterGroupFamily"] == "aurora-mysql8.0"


@covers("rds", "DescribeDBInstances", "CreateDBInstance", "ModifyDBInstance")
def instances_have_own_ids_and_insights(aws: Aws) -> None:
    rds = aws("rds")
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    for name in ("ids-a", "ids-b"):
        rds.create_db_instance(
            DBInstanceIdentifier=name,
            Engine="postgres",
            DBInstanceClass="db.t4g.micro",
            AllocatedStorage=20,
            MasterUsername="platform",
            ManageMasterUserPassword=True,
            EnablePerformanceInsights=True,
            PerformanceInsightsKMSKeyId=key,
            PerformanceInsightsRetentionPeriod=7,
        )
    found = {
        name: rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0] for name in ("ids-a", "ids-b")
    }
    assert found["ids-a"]["MasterUserSecret"]["SecretStatus"] == "active"
    assert found["ids-a"]["DbiResourceId"] != found["ids-b"]["DbiResourceId"]
    assert found["ids-a"]["PerformanceInsightsKMSKeyId"] == key
    assert found["ids-a"]["PerformanceInsightsRetentionPeriod"] == 7
    rds.modify_db_instance(DBInstanceIdentifier="ids-a", EnablePerformanceInsights=False, ApplyImmediately=True)
    again = rds.describe_db_instances(DBInstanceIdentifier="ids-a")["DBInstances"][0]
    assert again["PerformanceInsightsEnabled"] is False
    assert again["DbiResourceId"] == found["ids-a"]["DbiResourceId"]


@covers("rds", "ModifyDBParameterGroup")
def parameters_are_the_users(aws: Aws) -> None:
    rds = aws("rds")
    rds.create_db_parameter_group(DBParameterGroupName="own", DBParameterGroupFamily="postgres16", Description="own")
    parameter = {"ParameterName": "rds.force_ssl", "ParameterValue": "1", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName="own", Parameters=[parameter])
    (kept,) = rds.describe_db_parameters(DBParameterGroupName="own", Source="user")["Parameters"]
    assert (kept["ParameterName"], kept["Source"]) == ("rds.force_ssl", "user")


@covers("rds", "CreateDBCluster", "DescribeDBClusters", "ModifyDBCluster")
def cluster_members(aws: Aws) -> None:
    rds = aws("rds")
    created = _cluster(aws, "members", EnableHttpEndpoint=True)
    assert created["Status"] == "available"
    cluster = rds.describe_db_clusters(DBClusterIdentifier="members")["DBClusters"][0]
    assert cluster["HttpEndpointEnabled"] is True
    assert "ScalingConfigurationInfo" not in cluster
    rds.modify_db_cluster(
        DBClusterIdentifier="members",
        EnablePerformanceInsights=True,
        PerformanceInsightsRetentionPeriod=31,
        ApplyImmediately=True,
    )
    cluster = rds.describe_db_clusters(DBClusterIdentifier="members")["DBClusters"][0]
    assert cluster["PerformanceInsightsRetentionPeriod"] == 31


@covers("rds", "DeleteDBCluster")
def deleted_cluster_leaves_its_final_snapshot_only(aws: Aws) -> None:
    rds = aws("rds")
    _cluster(aws, "gone")
    _cluster(aws, "stays")
    rds.delete_db_cluster(DBClusterIdentifier="gone", FinalDBSnapshotIdentifier="gone-final")
    snapshots = rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]
    left = [each["DBClusterSnapshotIdentifier"] for each in snapshots if each["DBClusterIdentifier"] == "gone"]
    assert left == ["gone-final"]
    assert any(each["DBClusterIdentifier"] == "stays" for each in snapshots)


@covers("secretsmanager", "RotateSecret")
@covers("rds", "CreateDBCluster")
def master_secret_is_real_and_rotates(aws: Aws) -> None:
    secrets = aws("secretsmanager")
    key = aws("kms").create_key()["KeyMetadata"]
    cluster = _cluster(aws, "secret", MasterUserSecretKmsKeyId=key["KeyId"])
    other = _cluster(aws, "secret-other")
    arn = cluster["MasterUserSecret"]["SecretArn"]
    assert cluster["MasterUserSecret"]["KmsKeyId"] == key["Arn"]
    described = secrets.describe_secret(SecretId=arn)
    assert key["KeyId"] in described["KmsKeyId"]
    tags = {tag["Key"]: tag["Value"] for tag in described["Tags"]}
    assert tags["aws:rds:primaryDBClusterArn"] == f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:secret"
    assert tags["aws:secretsmanager:owningService"] == "rds"

    first = secrets.get_secret_value(SecretId=arn)
    before = json.loads(first["SecretString"])
    assert before["username"] == "platform"
    elsewhere = secrets.get_secret_value(SecretId=other["MasterUserSecret"]["SecretArn"])
    assert json.loads(elsewhere["SecretString"])["password"] != before["password"]

    rotated = secrets.rotate_secret(SecretId=arn)
    second = secrets.get_secret_value(SecretId=arn)
    assert second["VersionId"] == rotated["VersionId"] != first["VersionId"]
    assert json.loads(second["SecretString"])["username"] == "platform"
    assert json.loads(second["SecretString"])["password"] != before["password"]
    previous = secrets.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")
    assert previous["SecretString"] == first["SecretString"]

    secrets.rotate_secret(SecretId=arn)
    assert secrets.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")["VersionId"] == second["VersionId"]

    aws("rds").modify_db_cluster(DBClusterIdentifier="secret", RotateMasterUserPassword=True, ApplyImmediately=True)
    assert secrets.get_secret_value(SecretId=arn)["VersionId"] != second["VersionId"]


@covers("backup", "ListTags", "ListRecoveryPointsByBackupVault", "DeleteBackupPlan", "UpdateBackupPlan")
@covers("backup", "CreateBackupSelection", "GetBackupSelection", "DeleteBackupSelection", "ListBackupSelections")
def backup_plans_and_selections(aws: Aws) -> None:
    backup = aws("backup")
    vault = backup.create_backup_vault(BackupVaultName="v", BackupVaultTags={"a": "b"})
    assert backup.list_tags(ResourceArn=vault["BackupVaultArn"])["Tags"] == {"a": "b"}
    assert backup.list_recovery_points_by_backup_vault(BackupVaultName="v")["RecoveryPoints"] == []
    rule = {"RuleName": "daily", "TargetBackupVaultName": "v"}
    made = backup.create_backup_plan(BackupPlan={"BackupPlanName": "p", "Rules": [rule]})
    plan = made["BackupPlanId"]
    hourly = rule | {"ScheduleExpression": "cron(0 * ? * * *)"}
    updated = backup.update_backup_plan(BackupPlanId=plan, BackupPlan={"BackupPlanName": "p", "Rules": [hourly]})
    assert (updated["BackupPlanId"], updated["VersionId"] == made["VersionId"]) == (plan, False)
    found = backup.get_backup_plan(BackupPlanId=plan)["BackupPlan"]["Rules"][0]
    assert (found["ScheduleExpression"], found["StartWindowMinutes"]) == ("cron(0 * ? * * *)", 480)
    wanted = {"SelectionName": "s", "IamRoleArn": f"arn:aws:iam::{ACCOUNT}:role/r", "Resources": ["*"]}
    selection = backup.create_backup_selection(BackupPlanId=plan, BackupSelection=wanted)["SelectionId"]
    kept = backup.get_backup_selection(BackupPlanId=plan, SelectionId=selection)["BackupSelection"]
    assert kept["Resources"] == ["*"]
    assert backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"][0]["SelectionName"] == "s"
    backup.delete_backup_selection(BackupPlanId=plan, SelectionId=selection)
    assert "NotFound" in refused(backup.get_backup_selection, BackupPlanId=plan, SelectionId=selection)
    backup.delete_backup_plan(BackupPlanId=plan)
    backup.create_backup_plan(BackupPlan={"BackupPlanName": "p", "Rules": [rule]})


@covers("budgets", "CreateBudget", "UpdateBudget", "DescribeSubscribersForNotification")
@covers("budgets", "ListTagsForResource", "TagResource", "UntagResource")
def budgets(aws: Aws) -> None:
    client = aws("budgets")
    budget = {
        "BudgetName": "b",
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": "1", "Unit": "USD"},
    }
    notification = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    subscriber = {"SubscriptionType": "EMAIL", "Address": "a@example.com"}
    client.create_budget(
        AccountId=ACCOUNT,
        Budget=budget,
        NotificationsWithSubscribers=[{"Notification": notification, "Subscribers": [subscriber]}],
        ResourceTags=[{"Key": "a", "Value": "b"}],
    )
    found = client.describe_subscribers_for_notification(AccountId=ACCOUNT, BudgetName="b", Notification=notification)
    assert found["Subscribers"] == [subscriber]
    client.update_budget(AccountId=ACCOUNT, NewBudget={**budget, "BudgetLimit": {"Amount": "2", "Unit": "USD"}})
    limit = client.describe_budget(AccountId=ACCOUNT, BudgetName="b")["Budget"]["BudgetLimit"]
    assert float(limit["Amount"]) == 2
    arn = f"arn:aws:budgets::{ACCOUNT}:budget/b"
    client.tag_resource(ResourceARN=arn, ResourceTags=[{"Key": "c", "Value": "d"}])
    client.untag_resource(ResourceARN=arn, ResourceTagKeys=["a"])
    assert client.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [{"Key": "c", "Value": "d"}]
