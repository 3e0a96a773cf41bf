"""SageMaker."""

from typing import Any

from tests.unit.emulator.harness import ACCOUNT, REGION, Aws, covers, refused, subnets

ROLE = f"arn:aws:iam::{ACCOUNT}:role/studio"


def _domain(aws: Aws, name: str, **more: Any) -> str:
    vpc, ids = subnets(aws)
    answer = aws("sagemaker").create_domain(
        DomainName=name,
        AuthMode="IAM",
        DefaultUserSettings={"ExecutionRole": ROLE},
        SubnetIds=ids,
        VpcId=vpc,
        **more,
    )
    return answer["DomainId"]


@covers("sagemaker", "CreateDomain", "DescribeDomain", "UpdateDomain", "DeleteDomain")
def domain_life(aws: Aws) -> None:
    client = aws("sagemaker")
    domain = _domain(aws, "life", TagPropagation="ENABLED")
    assert client.describe_domain(DomainId=domain)["TagPropagation"] == "ENABLED"
    settings = {"ExecutionRole": ROLE + "-new"}
    client.update_domain(DomainId=domain, DefaultUserSettings=settings)
    assert client.describe_domain(DomainId=domain)["DefaultUserSettings"] == settings
    client.delete_domain(DomainId=domain, RetentionPolicy={"HomeEfsFileSystem": "Delete"})
    assert refused(client.describe_domain, DomainId=domain) == "ResourceNotFound"
    assert refused(client.delete_domain, DomainId=domain) == "ResourceNotFound"


@covers("sagemaker", "AddTags", "ListApps")
@covers("sagemaker", *(f"{verb}UserProfile" for verb in ("Create", "Describe", "Update", "Delete")), "ListUserProfiles")
def user_profile_life(aws: Aws) -> None:
    client, domain = aws("sagemaker"), _domain(aws, "profiles")
    where = {"DomainId": domain, "UserProfileName": "u"}
    arn = client.create_user_profile(**where, UserSettings={"ExecutionRole": ROLE}, Tags=[{"Key": "a", "Value": "b"}])
    assert refused(client.create_user_profile, **where) == "ResourceInUse"
    assert "ResourceNotFound" in refused(client.create_user_profile, DomainId="d-none", UserProfileName="u")
    client.add_tags(ResourceArn=arn["UserProfileArn"], Tags=[{"Key": "c", "Value": "d"}])
    tags = client.list_tags(ResourceArn=arn["UserProfileArn"])["Tags"]
    assert {tag["Key"] for tag in tags} == {"a", "c"}
    client.update_user_profile(**where, UserSettings={"ExecutionRole": ROLE + "-new"})
    kept = client.describe_user_profile(**where)
    assert (kept["UserSettings"], kept["Status"]) == ({"ExecutionRole": ROLE + "-new"}, "InService")
    listed = client.list_user_profiles(DomainIdEquals=domain)["UserProfiles"]
    assert [each["UserProfileName"] for each in listed] == ["u"]
    assert client.list_apps(DomainIdEquals=domain)["Apps"] == []
    client.delete_user_profile(**where)
    assert refused(client.describe_user_profile, **where) == "ResourceNotFound"


@covers("sagemaker", *(f"{verb}Space" for verb in ("Create", "Describe", "Update", "Delete")), "ListSpaces")
def space_life(aws: Aws) -> None:
    client, domain = aws("sagemaker"), _domain(aws, "spaces")
    where = {"DomainId": domain, "SpaceName": "s"}
    client.create_space(**where, SpaceSettings={"AppType": "JupyterLab"})
    client.update_space(**where, SpaceDisplayName="shown")
    kept = client.describe_space(**where)
    assert (kept["SpaceDisplayName"], kept["SpaceSettings"]) == ("shown", {"AppType": "JupyterLab"})
    assert [each["SpaceName"] for each in client.list_spaces(DomainIdEquals=domain)["Spaces"]] == ["s"]
    client.delete_space(**where)
    assert refused(client.describe_space, **where) == "ResourceNotFound"


@covers(
    "sagemaker",
    *(f"{verb}StudioLifecycleConfig" for verb in ("Create", "Describe", "Delete")),
    "ListStudioLifecycleConfigs",
)
def lifecycle_config_life(aws: Aws) -> None:
    client, name = aws("sagemaker"), {"StudioLifecycleConfigName": "l"}
    client.create_studio_lifecycle_config(
        **name, StudioLifecycleConfigContent="IyE=", StudioLifecycleConfigAppType="JupyterLab"
    )
    assert client.describe_studio_lifecycle_config(**name)["StudioLifecycleConfigContent"] == "IyE="
    assert len(client.list_studio_lifecycle_configs()["StudioLifecycleConfigs"]) == 1
    client.delete_studio_lifecycle_config(**name)
    assert refused(client.describe_studio_lifecycle_config, **name) == "ResourceNotFound"


@covers("sagemaker", "CreateNotebookInstanceLifecycleConfig")
def lifecycle_configs_keep_their_tags(aws: Aws) -> None:
    client, tags = aws("sagemaker"), [{"Key": "Name", "Value": "t"}]
    made = client.create_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="t", Tags=tags)
    assert client.list_tags(ResourceArn=made["NotebookInstanceLifecycleConfigArn"])["Tags"] == tags


@covers("sagemaker", "CreateNotebookInstance", "DescribeNotebookInstance", "UpdateNotebookInstanceLifecycleConfig")
def notebook_members(aws: Aws) -> None:
    client = aws("sagemaker")
    client.create_notebook_instance(
        NotebookInstanceName="n",
        InstanceType="ml.t3.large",
        RoleArn=ROLE,
        PlatformIdentifier="notebook-al2023-v1",
        InstanceMetadataServiceConfiguration={"MinimumInstanceMetadataServiceVersion": "2"},
    )
    kept = client.describe_notebook_instance(NotebookInstanceName="n")
    assert kept["PlatformIdentifier"] == "notebook-al2023-v1"
    assert kept["InstanceMetadataServiceConfiguration"]["MinimumInstanceMetadataServiceVersion"] == "2"
    client.create_notebook_instance(NotebookInstanceName="new", InstanceType="ml.m7i.large", RoleArn=ROLE)
    name = {"NotebookInstanceLifecycleConfigName": "l"}
    client.create_notebook_instance_lifecycle_config(**name)
    client.update_notebook_instance_lifecycle_config(**name, OnStart=[{"Content": "IyE="}])
    config = client.describe_notebook_instance_lifecycle_config(**name)
    assert config["OnStart"] == [{"Content": "IyE="}]
    assert config["NotebookInstanceLifecycleConfigArn"].startswith(f"arn:aws:sagemaker:{REGION}")
