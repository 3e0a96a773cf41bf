"""The ML platform: what it is made of, and what each part is handed from the others."""

from pathlib import Path

import pulumi

from components.artifact_store import ArtifactStore, ArtifactStoreArgs
from components.base import Deployment
from components.database import Database, DatabaseArgs
from components.encryption import Encryption, EncryptionArgs
from components.http_api import HttpApi, HttpApiArgs
from components.images import ContainerImages, ContainerImagesArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.mlflow_service import MlflowService, MlflowServiceArgs
from components.network import Network, NetworkArgs
from components.permissions_boundary import bounded
from components.studio import Studio, StudioArgs
from lib.images import source
from settings import load_settings

SERVICES = Path(__file__).parent / "services"

settings = load_settings()
iam = settings.iam
deployment = bounded(
    Deployment.current(environment=settings.environment, tags=settings.tags, protection=settings.protection),
    iam,
    image_accounts=settings.studio.training_image_accounts if settings.studio.enabled else (),
)

encryption = Encryption("encryption", EncryptionArgs(deployment=deployment, settings=settings.encryption))
network = Network(
    "network",
    NetworkArgs(
        deployment=deployment,
        settings=settings.network,
        iam=iam,
        encryption=encryption,
        interface_endpoints=settings.interface_endpoints,
    ),
)
database = Database(
    "database",
    DatabaseArgs(deployment=deployment, settings=settings.database, iam=iam, network=network, encryption=encryption),
)
artifacts = ArtifactStore(
    "artifacts", ArtifactStoreArgs(deployment=deployment, settings=settings.artifacts, encryption=encryption)
)
images = ContainerImages(
    "images",
    ContainerImagesArgs(
        deployment=deployment,
        settings=settings.mlflow.images,
        sources={image: source(SERVICES / image) for image in ("mlflow", "nginx")},
        architecture=settings.mlflow.cpu_architecture,
        encryption=encryption,
    ),
)
load_balancer = (
    LoadBalancer(
        "load-balancer",
        LoadBalancerArgs(
            deployment=deployment,
            settings=settings.api.load_balancer,
            network=network,
            target_port=settings.mlflow.proxy_port,
            log_bucket=artifacts.log_bucket,
        ),
    )
    if settings.api.has_load_balancer
    else None
)
mlflow = MlflowService(
    "mlflow",
    MlflowServiceArgs(
        deployment=deployment,
        settings=settings.mlflow,
        iam=iam,
        network=network,
        encryption=encryption,
        database=database,
        database_settings=settings.database,
        artifacts=artifacts,
        images=images,
        load_balancer=load_balancer,
    ),
)
api = HttpApi(
    "api",
    HttpApiArgs(
        deployment=deployment,
        settings=settings.api,
        network=network,
        encryption=encryption,
        mlflow=mlflow,
        load_balancer=load_balancer,
    ),
)
studio = (
    Studio(
        "studio",
        StudioArgs(
            deployment=deployment,
            settings=settings.studio,
            iam=iam,
            network=network,
            encryption=encryption,
            artifacts=artifacts,
            mlflow=mlflow,
            api=api,
        ),
    )
    if settings.studio.enabled
    else None
)

pulumi.export("region", deployment.target.region)
pulumi.export("apiUrl", api.url)
pulumi.export("mlflowTrackingUri", api.url)
pulumi.export("mlflowTrackingUriParameter", api.tracking_uri_parameter)
pulumi.export("mlflowSecretArn", mlflow.credentials_secret_arn)
pulumi.export("artifactBucket", artifacts.ready)
pulumi.export("artifactRoot", artifacts.root)
pulumi.export("databaseEndpoint", database.endpoint)
pulumi.export("databaseSecretArn", database.secret_arn)
pulumi.export("vpcId", network.vpc_id)
pulumi.export("ecsClusterName", mlflow.cluster_name)
pulumi.export("ecsServiceName", mlflow.service_name)
if studio is not None:
    pulumi.export("studioDomainId", studio.domain_id)
    pulumi.export("studioUserProfiles", settings.studio.user_profiles)
    pulumi.export("studioExecutionRoleArn", studio.execution_role_arn)
    pulumi.export("servingRepositoryUrl", studio.serving_repository_url)
