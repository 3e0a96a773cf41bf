"""What a Studio user, and the training jobs and endpoints that it starts, may do."""

from collections.abc import Sequence

from lib.documents.mlflow import secret_arn_pattern
from lib.iam import Statement, allow, document
from lib.naming import Target

JOBS = ("training-job", "processing-job", "transform-job", "hyper-parameter-tuning-job")
MODELS = ("model", "endpoint", "endpoint-config", "model-package", "model-package-group")
EXPERIMENTS = ("experiment", "experiment-trial", "experiment-trial-component")


def studio_policy(
    target: Target,
    *,
    role_arn: str,
    bucket: str,
    prefix: str,
    credentials_secret: str | None,
    parameters: Sequence[str],
    repository: str,
    image_accounts: Sequence[str],
    use_key: Statement,
) -> str:
    """Lets a notebook train, track, register and deploy, without any full-access policy.

    Args:
        target: The account.
        role_arn: ARN of the role itself, which it may hand to SageMaker for jobs and models.
        bucket: Name of the artifact bucket.
        prefix: Key prefix of MLflow's artifacts; `sagemaker/` beside it is for data of jobs.
        credentials_secret: Name of the secret with which notebooks prove to MLflow who they are, if there is one.
        parameters: Names of the SSM parameters that notebooks read.
        repository: Name of the model-serving image repository.
        image_accounts: Accounts whose image repositories jobs may pull from.
        use_key: Statement that allows to encrypt and decrypt with the platform's key.
    """
    # MLflow's deployment client uploads a model to `<bucket>/<endpoint>/model.tar.gz`.
    areas = (f"{prefix}/*", "sagemaker/*", "*/model.tar.gz")
    objects = [target.s3_arn(f"{bucket}/{area}") for area in areas]
    return document(
        allow(
            "Jobs",
            [
                *("sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"),
                *("sagemaker:CreateProcessingJob", "sagemaker:DescribeProcessingJob", "sagemaker:StopProcessingJob"),
                *("sagemaker:CreateTransformJob", "sagemaker:DescribeTransformJob", "sagemaker:StopTransformJob"),
                "sagemaker:CreateHyperParameterTuningJob",
                "sagemaker:DescribeHyperParameterTuningJob",
                "sagemaker:StopHyperParameterTuningJob",
                "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
            ],
            [_sagemaker(target, kind) for kind in JOBS],
        ),
        allow(
            "Models",
            [
                *("sagemaker:CreateModel", "sagemaker:DescribeModel", "sagemaker:DeleteModel"),
                *("sagemaker:CreateEndpoint", "sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"),
                *("sagemaker:UpdateEndpoint", "sagemaker:InvokeEndpoint"),
                *("sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig"),
                "sagemaker:DeleteEndpointConfig",
                *("sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"),
                *("sagemaker:CreateModelPackageGroup", "sagemaker:DescribeModelPackageGroup"),
            ],
            [_sagemaker(target, kind) for kind in MODELS],
        ),
        allow(
            "Experiments",
            [
                *("sagemaker:CreateExperiment", "sagemaker:DescribeExperiment", "sagemaker:UpdateExperiment"),
                *("sagemaker:CreateTrial", "sagemaker:DescribeTrial", "sagemaker:UpdateTrial"),
                *("sagemaker:CreateTrialComponent", "sagemaker:DescribeTrialComponent"),
                *("sagemaker:UpdateTrialComponent", "sagemaker:BatchPutMetrics"),
                *("sagemaker:AssociateTrialComponent", "sagemaker:DisassociateTrialComponent"),
            ],
            [_sagemaker(target, kind) for kind in EXPERIMENTS],
        ),
        allow(
            "Tags",
            ["sagemaker:AddTags", "sagemaker:ListTags"],
            [_sagemaker(target, kind) for kind in (*JOBS, *MODELS, *EXPERIMENTS)],
        ),
        allow(
            "Apps",
            [
                *("sagemaker:CreateApp", "sagemaker:DeleteApp", "sagemaker:DescribeApp"),
                *("sagemaker:CreateSpace", "sagemaker:UpdateSpace", "sagemaker:DeleteSpace", "sagemaker:DescribeSpace"),
                *("sagemaker:DescribeDomain", "sagemaker:DescribeUserProfile"),
                "sagemaker:CreatePresignedDomainUrl",
            ],
            [_sagemaker(target, kind) for kind in ("app", "space", "domain", "user-profile")],
        ),
        allow(
            "Browse",  # none of these has a resource type
            [
                *("sagemaker:ListApps", "sagemaker:ListDomains", "sagemaker:ListSpaces", "sagemaker:ListUserProfiles"),
                *("sagemaker:ListTrainingJobs", "sagemaker:ListProcessingJobs", "sagemaker:ListTransformJobs"),
                *("sagemaker:ListModels", "sagemaker:ListEndpoints", "sagemaker:ListEndpointConfigs"),
                *("sagemaker:ListExperiments", "sagemaker:ListTrials", "sagemaker:ListTrialComponents"),
                "sagemaker:ListModelPackageGroups",
                "ecr:GetAuthorizationToken",
            ],
            ["*"],
        ),
        allow(
            "HandOverToSageMaker",
            ["iam:PassRole"],
            [role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
        allow("ListArtifacts", ["s3:GetBucketLocation", "s3:ListBucket"], [target.s3_arn(bucket)]),
        allow(
            "Artifacts",
            [
                *("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts"),
                *("s3:PutObject", "s3:PutObjectTagging"),
            ],
            objects,
        ),
        *(
            [
                allow(
                    "Credentials",
                    ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
                    [secret_arn_pattern(target, credentials_secret)],
                )
            ]
            if credentials_secret
            else []
        ),
        allow("Parameters", ["ssm:GetParameter"], [target.arn("ssm", f"parameter{name}") for name in parameters]),
        allow(
            "PullImages",
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [
                target.arn("ecr", f"repository/{repository}"),
                *(f"arn:{target.partition}:ecr:{target.region}:{account}:repository/*" for account in image_accounts),
            ],
        ),
        allow(
            "PushServingImage",
            [
                *("ecr:CompleteLayerUpload", "ecr:DescribeImages", "ecr:DescribeRepositories"),
                *("ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"),
            ],
            [target.arn("ecr", f"repository/{repository}")],
        ),
        allow(
            "Logs",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [target.arn("logs", "log-group:/aws/sagemaker/*")],
        ),
        allow(
            "Metrics",  # has no resource type
            ["cloudwatch:PutMetricData"],
            ["*"],
            conditions={
                "StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "aws/sagemaker/*", "AWS/SageMaker"]}
            },
        ),
        use_key,
    )


def _sagemaker(target: Target, kind: str) -> str:
    return target.arn("sagemaker", f"{kind}/*")
