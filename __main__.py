"""The ML platform: what it is made of, and what each part is handed from the others."""

from pathlib import Path

import pulumi

from components.ai_gateway import AiGateway, AiGatewayArgs
from components.artifact_store import ArtifactStore, ArtifactStoreArgs
from components.backup_plan import BackupPlan, BackupPlanArgs
from components.base import Deployment
from components.certificates import Certificates, CertificatesArgs, check_regions
from components.database import Database, DatabaseArgs
from components.dns import DnsEntries, DnsEntriesArgs
from components.edge import Edge
from components.encryption import Encryption, EncryptionArgs
from components.firewall import Firewall, FirewallArgs
from components.front_door import FrontDoor, FrontDoorArgs
from components.http_api import HttpApi, HttpApiArgs
from components.images import ContainerImages, ContainerImagesArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs, ServerCertificate
from components.metadata_tables import MetadataTables, MetadataTablesArgs
from components.metaflow import Metaflow, MetaflowArgs
from components.metaflow.datastore import datastore_bucket
from components.mlflow_routes import MlflowRoutesArgs, serve_mlflow
from components.mlflow_service import MlflowService, MlflowServiceArgs
from components.network import Network, NetworkArgs
from components.permissions_boundary import bounded
from components.studio import Studio, StudioArgs
from lib.bedrock import inference_profiles
from lib.images import source
from settings import load_settings

SERVICES = Path(__file__).parent / "services"

settings = load_settings()
iam = settings.iam
here = Deployment.current(environment=settings.environment, tags=settings.tags, protection=settings.protection)
check_regions(settings.domain, settings.hosts, here.target.region)
deployment = bounded(
    here,
    iam,
    image_accounts=settings.studio.training_image_accounts if settings.studio.enabled else (),
    inference_profiles=inference_profiles(here.target, settings.ai_gateway.endpoints),
)

encryption = Encryption(
    "encryption",
    EncryptionArgs(deployment=deployment, settings=settings.encryption, distributions=settings.web.enabled),
)
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
    DatabaseArgs(
        deployment=deployment,
        settings=settings.database,
        iam=iam,
        network=network,
        encryption=encryption,
        service="MLflow",
    ),
)
artifacts = ArtifactStore(
    "artifacts",
    ArtifactStoreArgs(
        deployment=deployment,
        settings=settings.artifacts,
        encryption=encryption,
        logged=[datastore_bucket(deployment, settings.metaflow.datastore)] if settings.metaflow.enabled else [],
    ),
)
images = ContainerImages(
    "images",
    ContainerImagesArgs(
        deployment=deployment,
        given={image.name: image.uri for image in settings.container_images},
        sources={image.name: source(SERVICES, image.name) for image in settings.container_images},
        architectures={image.name: image.architecture for image in settings.container_images},
        encryption=encryption,
    ),
)

hosts = settings.hosts
edge = Edge.of(deployment)
certificates = (
    Certificates(
        "certificates",
        CertificatesArgs(deployment=deployment, settings=settings.domain, hosts=hosts, edge=edge),
    )
    if settings.domain.name
    else None
)
regional_certificate = certificates.regional_arn if certificates else None
edge_certificate = certificates.edge_arn if certificates else None
firewall = (
    Firewall(
        "firewall",
        FirewallArgs(
            deployment=deployment,
            settings=settings.waf,
            encryption=encryption,
            edge=edge,
            cloudfront=settings.has_web,
            regional=settings.has_regional_firewall,
        ),
    )
    if settings.waf.enabled
    else None
)
api = HttpApi(
    "api",
    HttpApiArgs(
        deployment=deployment,
        suffix="api",
        description="MLflow tracking server",
        traffic=settings.api,
        encryption=encryption,
        host=hosts.mlflow,
        certificate_arn=regional_certificate,
    ),
)
gateway_api = (
    HttpApi(
        "ai-gateway-api",
        HttpApiArgs(
            deployment=deployment,
            suffix="ai-gateway",
            description="MLflow AI Gateway",
            traffic=settings.ai_gateway,
            encryption=encryption,
            host=hosts.aigateway,
            certificate_arn=regional_certificate,
        ),
    )
    if settings.ai_gateway.enabled
    else None
)
front_door = (
    FrontDoor(
        "front-door",
        FrontDoorArgs(
            deployment=deployment,
            settings=settings,
            encryption=encryption,
            edge=edge,
            firewall=firewall,
            mlflow=api,
            regional_certificate=regional_certificate,
            edge_certificate=edge_certificate,
            services=SERVICES,
            code_bucket=artifacts.ready,
        ),
    )
    if settings.identity.exists
    else None
)
tokens = front_door.tokens if front_door else None
server_certificate = (
    ServerCertificate(
        arn=settings.api.load_balancer.certificate_arn, server_name=settings.api.load_balancer.server_name
    )
    if settings.api.load_balancer.certificate_arn and settings.api.load_balancer.server_name
    else ServerCertificate(arn=regional_certificate, server_name=hosts.mlflow)
    if regional_certificate and hosts.mlflow
    else None
)
load_balancer = (
    LoadBalancer(
        "load-balancer",
        LoadBalancerArgs(
            deployment=deployment,
            settings=settings.api.load_balancer,
            network=network,
            target_port=settings.mlflow.proxy_port,
            certificate=server_certificate,
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
        host=hosts.mlflow,
        tokens=tokens if settings.bearer_tokens else None,
    ),
)
routes = serve_mlflow(
    "api",
    MlflowRoutesArgs(
        deployment=deployment,
        api=api,
        network=network,
        encryption=encryption,
        mlflow=mlflow,
        load_balancer=load_balancer,
        tokens=tokens if settings.bearer_tokens else None,
        cross_origin=bool(settings.mlflow.cors_allowed_origins),
    ),
)
if gateway_api is not None and tokens is not None:
    AiGateway(
        "ai-gateway",
        AiGatewayArgs(
            deployment=deployment,
            settings=settings.ai_gateway,
            mlflow_settings=settings.mlflow,
            iam=iam,
            network=network,
            encryption=encryption,
            images=images,
            mlflow=mlflow,
            api=gateway_api,
            tokens=tokens,
            link=routes.link,
        ),
    )
notebook_secret = front_door.clients.notebook_secret if front_door else None
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
            credentials_secret=notebook_secret or mlflow.credentials_secret,
            parameters=[routes.tracking_uri_parameter],
        ),
    )
    if settings.studio.enabled
    else None
)
tables = (
    MetadataTables(
        "metadata",
        MetadataTablesArgs(deployment=deployment, settings=settings.metadata_tables, encryption=encryption),
    )
    if settings.metadata_tables.enabled
    else None
)
metaflow = (
    Metaflow(
        "metaflow",
        MetaflowArgs(
            deployment=deployment,
            settings=settings,
            network=network,
            encryption=encryption,
            images=images,
            mlflow=mlflow,
            link=routes.link,
            front_door=front_door,
            firewall=firewall,
            regional_certificate=regional_certificate,
            log_bucket=artifacts.log_bucket,
            code_bucket=artifacts.ready,
            services=SERVICES,
        ),
    )
    if settings.metaflow.enabled
    else None
)
if front_door is not None:
    front_door.publish(
        {
            "stack": pulumi.get_stack(),
            "environment": settings.environment,
            "region": deployment.target.region,
            "mlflowTrackingUri": api.url,
            "mlflowAuth": settings.mlflow.auth,
            "artifactRoot": artifacts.root,
            "aiGatewayUrl": gateway_api.url if gateway_api else None,
            "metaflow": pulumi.Output.all(**metaflow.config) if metaflow else None,
        }
    )
if settings.backup.enabled:
    BackupPlan(
        "backup",
        BackupPlanArgs(
            deployment=deployment,
            settings=settings.backup,
            iam=iam,
            encryption=encryption,
            resources={
                database.managed_secret.database_arn: database.arn,
                **(metaflow.databases if metaflow else {}),
                **(tables.arns if tables else {}),
            },
        ),
    )
entries = {
    **({hosts.mlflow: api.alias} if hosts.mlflow and api.alias else {}),
    **({hosts.aigateway: gateway_api.alias} if hosts.aigateway and gateway_api and gateway_api.alias else {}),
    **(front_door.aliases if front_door else {}),
    **(metaflow.aliases if metaflow else {}),
}
dns = (
    DnsEntries("dns", DnsEntriesArgs(deployment=deployment, settings=settings.domain, hosts=hosts, entries=entries))
    if settings.domain.name
    else None
)

pulumi.export("region", deployment.target.region)
pulumi.export("apiUrl", api.url)
pulumi.export("mlflowTrackingUri", api.url)
pulumi.export("mlflowAuth", settings.mlflow.auth.value)
pulumi.export("mlflowTrackingUriParameter", routes.tracking_uri_parameter)
if mlflow.credentials_secret_arn is not None:
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
if front_door is not None:
    pulumi.export("CognitoUserPoolId", front_door.user_pool.user_pool_id)
    pulumi.export("CliClientId", front_door.clients.cli_client_id)
    pulumi.export("JupyterhubClientId", front_door.clients.jupyterhub_client_id)
    pulumi.export("MlflowuiClientId", front_door.clients.mlflowui_client_id)
    pulumi.export("WebClientId", front_door.clients.web_client_id)
    pulumi.export("issuer", front_door.user_pool.issuer)
    pulumi.export("loginUrl", front_door.user_pool.login_url)
    pulumi.export("cliCallbackPorts", settings.identity.cli_callback_ports)
    pulumi.export("restApiUrl", front_door.api_url)
    if front_door.web_url is not None:
        pulumi.export("webUrl", front_door.web_url)
    if front_door.mlflow_ui_url is not None:
        pulumi.export("mlflowUiUrl", front_door.mlflow_ui_url)
if tables is not None:
    pulumi.export("metadataTableNames", dict(tables.names))
if metaflow is not None:
    for output, value in metaflow.outputs.items():
        pulumi.export(output, value)
if gateway_api is not None:
    pulumi.export("aiGatewayUrl", gateway_api.url)
if dns is not None:
    for output, record in dns.records.items():
        pulumi.export(output, record)
if certificates is not None and settings.domain.creates_certificates:
    pulumi.export("dnsValidationRecords", certificates.validation_records)
