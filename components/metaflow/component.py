"""Metaflow: its parts, and what each is handed from the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from components.base import Component, Deployment
from components.database import Database, DatabaseArgs
from components.dns import AliasTarget
from components.encryption import Encryption
from components.firewall import Firewall
from components.front_door import FrontDoor
from components.http_api import HttpApi, HttpApiArgs
from components.images import ContainerImages
from components.metaflow import compute, orchestration
from components.metaflow.alarms import Alarms, AlarmsArgs
from components.metaflow.compute import Compute, ComputeArgs, queue_arn
from components.metaflow.datastore import Datastore, DatastoreArgs
from components.metaflow.gateway import RestGateway, RestGatewayArgs
from components.metaflow.metadata_service import MetadataService, MetadataServiceArgs
from components.metaflow.notebook import Notebook, NotebookArgs, notebook_name
from components.metaflow.orchestration import Orchestration, OrchestrationArgs
from components.metaflow.ui import Ui, UiArgs
from components.mlflow_routes import PrivateLink, private_integration
from components.mlflow_service import MlflowService
from components.network import Network
from components.roles import Role, RoleArgs
from lib.documents.metaflow import Flows, user_policy
from lib.iam import principal_trust
from settings import Settings

JOB_IMAGE = "metaflow-job"
"""Name of the jobs' default image among the platform's."""


@dataclass(frozen=True, kw_only=True)
class MetaflowArgs:
    """Metaflow to make.

    Args:
        deployment: The stack.
        settings: All settings.
        network: Where jobs, service and notebook run.
        encryption: Key of what is stored.
        images: The platform's images.
        mlflow: Whose ECS cluster and Cloud Map namespace the service uses.
        link: The HTTP APIs' way into the VPC.
        front_door: The platform's users; needed for tokens and for the UI.
        firewall: What is put in front of what is public.
        regional_certificate: Certificate of the platform's own names.
        log_bucket: Where the datastore's and the load balancer's access logs go; nowhere if absent.
        code_bucket: Bucket that functions' code goes through.
        services: Folder of the sources.
    """

    deployment: Deployment
    settings: Settings
    network: Network
    encryption: Encryption
    images: ContainerImages
    mlflow: MlflowService
    link: PrivateLink
    front_door: FrontDoor | None
    firewall: Firewall | None
    regional_certificate: pulumi.Input[str] | None
    log_bucket: pulumi.Input[str] | None
    code_bucket: pulumi.Input[str]
    services: Path


class Metaflow(Component):
    """Everything that Metaflow's AWS template deploys, and its outputs under the template's names."""

    outputs: Mapping[str, pulumi.Input[Any]]
    """Stack outputs by name."""
    aliases: Mapping[str, AliasTarget]
    """What entries for the names in use must point to."""
    databases: Mapping[str, pulumi.Output[str]]
    """ARN of the database once it exists, by the same ARN as it is known at preview."""
    config: Mapping[str, pulumi.Input[str]]
    """Metaflow's configuration file, by variable."""
    service_url: pulumi.Output[str]
    """`METAFLOW_SERVICE_URL`."""
    ui_url: pulumi.Output[str] | None
    """Address of the UI, if there is one."""

    def __init__(self, name: str, args: MetaflowArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, "metaflow", args.deployment, opts)
        self._args, self._settings = args, args.settings.metaflow
        settings, deployment, iam = self._settings, args.deployment, args.settings.iam
        datastore = Datastore(
            f"{name}-datastore",
            DatastoreArgs(
                deployment=deployment,
                settings=settings.datastore,
                encryption=args.encryption,
                log_bucket=args.log_bucket,
            ),
            opts=self._child,
        )
        flows = self._flows(datastore)
        computing = Compute(
            f"{name}-batch",
            ComputeArgs(
                deployment=deployment,
                settings=settings.batch,
                iam=iam,
                network=args.network,
                encryption=args.encryption,
                flows=flows,
                image=args.images.uris[JOB_IMAGE],
            ),
            opts=self._child,
        )
        orchestrating = Orchestration(
            f"{name}-flows",
            OrchestrationArgs(
                deployment=deployment,
                iam=iam,
                encryption=args.encryption,
                flows=flows,
                log_retention_days=settings.batch.log_retention_days,
            ),
            opts=self._child,
        )
        database = Database(
            f"{name}-database",
            DatabaseArgs(
                deployment=deployment,
                settings=settings.database,
                iam=iam,
                network=args.network,
                encryption=args.encryption,
                service="Metaflow",
            ),
            opts=self._child,
        )
        service = MetadataService(
            f"{name}-metadata",
            MetadataServiceArgs(
                deployment=deployment,
                settings=settings,
                iam=iam,
                network=args.network,
                encryption=args.encryption,
                database=database,
                images=args.images,
                mlflow=args.mlflow,
                namespace=args.settings.mlflow.namespace,
                migration_source=args.services / "metaflow-migration",
                code_bucket=args.code_bucket,
            ),
            opts=self._child,
        )
        service.allow(self, f"{name}-jobs", computing.security_group_id)
        rest = self._rest_gateway(f"{name}-api", service) if settings.api_basic_auth else None
        api = rest or self._http_gateway(f"{name}-api", service)
        self.service_url = pulumi.Output.concat(api.url, "/")
        ui = self._ui(f"{name}-ui", database, datastore, service) if settings.enable_ui else None
        hosts = args.settings.hosts
        aliases = {hosts.metaflow: api.alias, hosts.metaflowui: ui.alias if ui else None}
        self.aliases = {host: target for host, target in aliases.items() if host and target}
        self.ui_url = ui.url if ui else None
        self.databases = {database.managed_secret.database_arn: database.arn}
        config = self.config = self._config(flows, datastore, computing, orchestrating, service)
        notebook = self._notebook(f"{name}-notebook", flows, service, config) if settings.enable_sagemaker else None
        user_role = self._user_role(f"{name}-user", flows) if settings.custom_role else None
        Alarms(
            f"{name}-alarms",
            AlarmsArgs(
                deployment=deployment,
                encryption=args.encryption,
                queues=flows.queues,
                migration_function=service.migration_function,
                topic_arn=settings.alarm_topic_arn,
                log_retention_days=settings.batch.log_retention_days,
            ),
            opts=self._child,
        )
        documented: dict[str, pulumi.Input[Any] | None] = {
            "MetaflowDataStoreS3Url": datastore.root,
            "MetaflowDataToolsS3Url": datastore.data_root,
            "BatchJobQueueArn": computing.default_queue_arn,
            "ECSJobRoleForBatchJobs": computing.job_role_arn,
            "ServiceUrl": self.service_url,
            "InternalServiceUrl": service.internal_url,
            "ApiKeyId": rest.api_key_id if rest else None,
            "MetaflowUserRoleArn": user_role.arn if user_role else None,
            "SageMakerNoteBookURL": notebook.url if notebook else None,
            "EventBridgeRoleArn": orchestrating.events_role_arn,
            "StepFunctionsRoleArn": orchestrating.step_functions_role_arn,
            "DDBTableName": orchestrating.table_name,
            "MigrationFunctionName": service.migration_function,
            "VPCId": args.network.vpc_id,
            "Subnet1Id": args.network.private_subnet_ids[0],
            "Subnet2Id": args.network.private_subnet_ids[1],
            "RDSSecret": database.secret_arn,
            "LoadBalancerUIZoneID": ui.zone_id if ui else None,
            "LoadBalancerUIDNSName": ui.dns_name if ui else None,
        }
        self.outputs = {
            **{output: value for output, value in documented.items() if value is not None},
            "metaflowAuth": "apiKey" if rest else "token",
            "metaflowConfig": config,
            "metaflowBatch": self._batch(computing),
            **({"metaflowUiUrl": self.ui_url} if self.ui_url else {}),
        }
        self.register_outputs({"service_url": self.service_url})

    def _flows(self, datastore: Datastore) -> Flows:
        deployment, iam, settings = self._deployment, self._args.settings.iam, self._settings
        job_role, execution_role = compute.role_arns(deployment, iam)
        step_functions_role, events_role = orchestration.role_arns(deployment, iam)
        return Flows(
            target=deployment.target,
            bucket=datastore.bucket,
            datastore_prefix=settings.datastore.datastore_prefix,
            datatools_prefix=settings.datastore.datatools_prefix,
            table=deployment.names.of("metaflow-flows", limit=255),
            queues=[queue_arn(deployment, queue) for queue in settings.batch.job_queues],
            # Names of state machines have 80 characters, and the flow's must have room.
            state_machine_prefix=deployment.names.of("metaflow", limit=40),
            job_role_arn=job_role,
            execution_role_arn=execution_role,
            step_functions_role_arn=step_functions_role,
            events_role_arn=events_role,
        )

    def _rest_gateway(self, name: str, service: MetadataService) -> RestGateway:
        args = self._args
        if service.load_balancer is None:
            raise ValueError(f"{name}: a REST API leads to a load balancer; set metaflow.service.integration")
        return RestGateway(
            name,
            RestGatewayArgs(
                deployment=args.deployment,
                settings=self._settings.gateway,
                iam=args.settings.iam,
                encryption=args.encryption,
                load_balancer=service.load_balancer,
                host=args.settings.hosts.metaflow,
                certificate_arn=args.regional_certificate,
                web_acl_arn=args.firewall.regional_arn if args.firewall else None,
            ),
            opts=self._child,
        )

    def _http_gateway(self, name: str, service: MetadataService) -> HttpApi:
        """An HTTP API on which every route asks for a token of the platform's users."""
        args = self._args
        if args.front_door is None:
            raise ValueError(f"{name}: there are no users; set identity.mode, or metaflow.apiBasicAuth to true")
        api = HttpApi(
            name,
            HttpApiArgs(
                deployment=args.deployment,
                suffix="metaflow",
                description="Metaflow's metadata service",
                traffic=self._settings.gateway,
                encryption=args.encryption,
                host=args.settings.hosts.metaflow,
                certificate_arn=args.regional_certificate,
            ),
            opts=self._child,
        )
        service.allow(api, f"{name}-link", args.link.security_group_id)
        integration = private_integration(name, api, link=args.link, uri=service.integration_uri)
        authorizer = api.authorizer(name, args.front_door.tokens)
        api.route(f"{name}-proxy", "ANY /{proxy+}", integration, authorizer)
        return api

    def _ui(self, name: str, database: Database, datastore: Datastore, service: MetadataService) -> Ui:
        args, settings = self._args, self._settings
        host = settings.public_domain_name or args.settings.hosts.metaflowui
        certificate = settings.certificate_arn or args.regional_certificate
        if args.front_door is None or host is None or certificate is None:
            raise ValueError(f"{name}: the UI needs users, a name and its certificate; see metaflow.enableUI")
        return Ui(
            name,
            UiArgs(
                deployment=args.deployment,
                settings=settings,
                iam=args.settings.iam,
                network=args.network,
                encryption=args.encryption,
                database=database,
                datastore=datastore,
                service=service,
                images=args.images,
                mlflow=args.mlflow,
                user_pool=args.front_door.user_pool,
                host=host,
                certificate_arn=certificate,
                web_acl_arn=args.firewall.regional_arn if args.firewall else None,
                log_bucket=args.log_bucket,
            ),
            opts=self._child,
        )

    def _config(
        self,
        flows: Flows,
        datastore: Datastore,
        computing: Compute,
        orchestrating: Orchestration,
        service: MetadataService,
    ) -> dict[str, pulumi.Input[str]]:
        """Metaflow's configuration file: everything but the key or token by which a client proves who it is."""
        return {
            "METAFLOW_DEFAULT_DATASTORE": "s3",
            "METAFLOW_DATASTORE_SYSROOT_S3": datastore.root,
            "METAFLOW_DATATOOLS_S3ROOT": datastore.data_root,
            "METAFLOW_DEFAULT_METADATA": "service",
            "METAFLOW_SERVICE_URL": self.service_url,
            "METAFLOW_SERVICE_INTERNAL_URL": service.internal_url,
            "METAFLOW_BATCH_JOB_QUEUE": computing.default_queue_arn,
            "METAFLOW_BATCH_CONTAINER_IMAGE": self._args.images.uris[JOB_IMAGE],
            "METAFLOW_BATCH_EMIT_TAGS": "1",
            "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": computing.job_role_arn,
            "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": computing.execution_role_arn,
            "METAFLOW_SFN_IAM_ROLE": orchestrating.step_functions_role_arn,
            "METAFLOW_SFN_STATE_MACHINE_PREFIX": flows.state_machine_prefix,
            "METAFLOW_SFN_EXECUTION_LOG_GROUP_ARN": orchestrating.log_group_arn,
            "METAFLOW_SFN_DYNAMO_DB_TABLE": orchestrating.table_name,
            "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": orchestrating.events_role_arn,
            **({"METAFLOW_UI_URL": self.ui_url} if self.ui_url is not None else {}),
        }

    def _notebook(
        self, name: str, flows: Flows, service: MetadataService, config: Mapping[str, pulumi.Input[str]]
    ) -> Notebook:
        args = self._args
        return Notebook(
            name,
            NotebookArgs(
                deployment=args.deployment,
                settings=self._settings.notebook,
                iam=args.settings.iam,
                network=args.network,
                encryption=args.encryption,
                flows=flows,
                service=service,
                # Inside the VPC neither key nor token is due.
                config={
                    **config,
                    "METAFLOW_SERVICE_URL": service.internal_url,
                    "AWS_DEFAULT_REGION": args.deployment.target.region,
                },
                source=args.services / "metaflow-notebook",
            ),
            opts=self._child,
        )

    def _user_role(self, name: str, flows: Flows) -> Role:
        args, settings = self._args, self._settings.user_role
        tags = args.deployment.tags
        return Role(
            name,
            RoleArgs(
                deployment=args.deployment,
                iam=args.settings.iam,
                suffix="metaflow-user",
                description="People and programs that run Metaflow's flows",
                trust=principal_trust(
                    settings.trusted_principals, external_id=settings.external_id, mfa=settings.require_mfa
                ),
                policies={
                    "use": user_policy(
                        flows,
                        notebook=notebook_name(args.deployment) if self._settings.enable_sagemaker else None,
                        key_tags={
                            "StringEquals": {f"aws:ResourceTag/{key}": tags[key] for key in ("Project", "Stack")}
                        },
                        use_key=args.encryption.reference.use("Key", "s3", write=True),
                    )
                },
                max_session_seconds=settings.max_session_hours * 3600,
            ),
            opts=self._child,
        )

    def _batch(self, computing: Compute) -> dict[str, pulumi.Input[Any]]:
        """What `make doctor` looks at."""
        return {
            "queues": dict(computing.queues),
            "environments": [
                {
                    "name": environment.name,
                    "type": environment.type.value,
                    "instanceTypes": environment.instance_types,
                    "maxvCpus": environment.maxv_cpus,
                    "gpu": environment.has_gpus,
                }
                for environment in self._settings.batch.compute_environments
            ],
            "subnetIds": self._args.network.private_subnet_ids,
            "image": self._args.images.uris[JOB_IMAGE],
        }
