"""Unit prices on demand in us-east-1, and what is taken for granted of a platform that nobody uses.

The prices are those of AWS's public price pages as known in 2026-11. They are not fetched: check them against the pages
below, for your region, before you rely on a sum. Taxes, free tiers, savings plans and discounts are not in them.
"""

from dataclasses import dataclass

DATE = "2026-11"
REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class Price:
    """What one unit of something costs.

    Args:
        dollars: US dollars for one unit.
        unit: The unit.
        page: The page of AWS that has the price.
    """

    dollars: float
    unit: str
    page: str


VPC = "https://aws.amazon.com/vpc/pricing/"
PRIVATE_LINK = "https://aws.amazon.com/privatelink/pricing/"
LOAD_BALANCING = "https://aws.amazon.com/elasticloadbalancing/pricing/"
FARGATE = "https://aws.amazon.com/fargate/pricing/"
AURORA = "https://aws.amazon.com/rds/aurora/pricing/"
RDS_POSTGRESQL = "https://aws.amazon.com/rds/postgresql/pricing/"
SAGEMAKER = "https://aws.amazon.com/sagemaker/ai/pricing/"
KMS = "https://aws.amazon.com/kms/pricing/"
SECRETS = "https://aws.amazon.com/secrets-manager/pricing/"
ROUTE_53 = "https://aws.amazon.com/route53/pricing/"
CLOUDWATCH = "https://aws.amazon.com/cloudwatch/pricing/"
ECR = "https://aws.amazon.com/ecr/pricing/"
S3 = "https://aws.amazon.com/s3/pricing/"
WAF = "https://aws.amazon.com/waf/pricing/"
DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/"

PRICES: dict[str, Price] = {
    "NAT gateway": Price(dollars=0.045, unit="hour", page=VPC),
    "public IPv4 address": Price(dollars=0.005, unit="hour", page=VPC),
    "interface endpoint": Price(dollars=0.01, unit="hour and zone", page=PRIVATE_LINK),
    "Application Load Balancer": Price(dollars=0.0225, unit="hour", page=LOAD_BALANCING),
    "Network Load Balancer": Price(dollars=0.0225, unit="hour", page=LOAD_BALANCING),
    "Fargate vCPU, x86": Price(dollars=0.04048, unit="hour", page=FARGATE),
    "Fargate memory, x86": Price(dollars=0.004445, unit="GB-hour", page=FARGATE),
    "Fargate vCPU, ARM": Price(dollars=0.03238, unit="hour", page=FARGATE),
    "Fargate memory, ARM": Price(dollars=0.00356, unit="GB-hour", page=FARGATE),
    "Aurora capacity unit": Price(dollars=0.12, unit="hour", page=AURORA),
    "Aurora storage": Price(dollars=0.10, unit="GB-month", page=AURORA),
    "db.t4g.micro": Price(dollars=0.016, unit="hour", page=RDS_POSTGRESQL),
    "db.t4g.small": Price(dollars=0.032, unit="hour", page=RDS_POSTGRESQL),
    "db.t4g.medium": Price(dollars=0.065, unit="hour", page=RDS_POSTGRESQL),
    "db.t4g.large": Price(dollars=0.129, unit="hour", page=RDS_POSTGRESQL),
    "RDS storage, gp3": Price(dollars=0.115, unit="GB-month", page=RDS_POSTGRESQL),
    "KMS key": Price(dollars=1.00, unit="month", page=KMS),
    "secret": Price(dollars=0.40, unit="month", page=SECRETS),
    "Secrets Manager calls": Price(dollars=0.05, unit="10,000 calls", page=SECRETS),
    "private hosted zone": Price(dollars=0.50, unit="month", page=ROUTE_53),
    "custom metric": Price(dollars=0.30, unit="month", page=CLOUDWATCH),
    "metric of enhanced Container Insights": Price(dollars=0.07, unit="month", page=CLOUDWATCH),
    "alarm": Price(dollars=0.10, unit="month", page=CLOUDWATCH),
    "notebook storage": Price(dollars=0.14, unit="GB-month", page=SAGEMAKER),
    "log ingestion": Price(dollars=0.50, unit="GB", page=CLOUDWATCH),
    "image storage": Price(dollars=0.10, unit="GB-month", page=ECR),
    "web ACL": Price(dollars=5.00, unit="month", page=WAF),
    "rule of a web ACL": Price(dollars=1.00, unit="month", page=WAF),
    "S3 storage": Price(dollars=0.023, unit="GB-month", page=S3),
    "table storage": Price(dollars=0.25, unit="GB-month", page=DYNAMODB),
    "table recovery": Price(dollars=0.20, unit="GB-month", page=DYNAMODB),
    "read capacity unit": Price(dollars=0.00013, unit="hour", page=DYNAMODB),
    "write capacity unit": Price(dollars=0.00065, unit="hour", page=DYNAMODB),
}

SPOT_DISCOUNT = 0.70
"""Fargate Spot moves with supply; AWS's page says up to 70 % less, and that is about what it has been in us-east-1."""


@dataclass(frozen=True, kw_only=True)
class Assumption:
    """A quantity that no plan knows.

    Args:
        quantity: How much.
        unit: Of what.
        why: Where the figure comes from.
    """

    quantity: float
    unit: str
    why: str


AURORA_GB = Assumption(
    quantity=1, unit="GB", why="Aurora storage: billed by use; the tables of some thousand runs are smaller"
)
FLOW_LOG_GB = Assumption(
    quantity=0.2,
    unit="GB a month",
    why="flow log: some ten network interfaces, health checks, one record in 10 minutes",
)
LOG_GB = Assumption(
    quantity=0.02, unit="GB a month", why="each other log group: starts and warnings; health checks are not logged"
)
IMAGE_GB = Assumption(quantity=0.4, unit="GB", why="each image that is built: compressed, one version of it kept")
BUCKET_GB = Assumption(quantity=1, unit="GB", why="each bucket: so that storage is not forgotten")
TABLE_GB = Assumption(quantity=0.01, unit="GB", why="each table: users, groups, projects and rights are small items")
SECRET_CHECKS = Assumption(
    quantity=60 * 730, unit="calls a task and secret", why="a running task looks every minute whether one has rotated"
)
INSIGHTS_METRICS = Assumption(quantity=8, unit="metrics", why="Container Insights: of the cluster")
INSIGHTS_METRICS_BY_SERVICE = Assumption(
    quantity=17, unit="metrics a service", why="Container Insights: 11 of the service, 6 of its task family"
)
ENHANCED_METRICS = Assumption(
    quantity=50, unit="metrics", why="enhanced Container Insights: about 50 for cluster, service and task family"
)
ENHANCED_METRICS_BY_TASK = Assumption(
    quantity=60,
    unit="metrics a task",
    why="enhanced Container Insights: about 20 for a task and each running container",
)
ASSUMPTIONS = (
    *(AURORA_GB, FLOW_LOG_GB, LOG_GB, IMAGE_GB, BUCKET_GB, TABLE_GB, SECRET_CHECKS),
    *(INSIGHTS_METRICS, INSIGHTS_METRICS_BY_SERVICE, ENHANCED_METRICS, ENHANCED_METRICS_BY_TASK),
)

FREE: dict[str, str] = {
    "aws:acm/certificate:Certificate": "public certificates are free",
    "aws:acm/certificateValidation:CertificateValidation": "waits, and makes nothing",
    "aws:apigateway/account:Account": "free",
    "aws:apigateway/apiKey:ApiKey": "free",
    "aws:apigateway/basePathMapping:BasePathMapping": "part of the API",
    "aws:apigateway/deployment:Deployment": "part of the API",
    "aws:apigateway/domainName:DomainName": "part of the API",
    "aws:apigateway/integration:Integration": "part of the API",
    "aws:apigateway/method:Method": "part of the API",
    "aws:apigateway/methodSettings:MethodSettings": "part of the API; its metrics exist only while there are requests",
    "aws:apigateway/resource:Resource": "part of the API",
    "aws:apigateway/restApi:RestApi": "REST APIs cost by request",
    "aws:apigateway/stage:Stage": "part of the API; no cache",
    "aws:apigateway/usagePlan:UsagePlan": "free",
    "aws:apigateway/usagePlanKey:UsagePlanKey": "free",
    "aws:apigateway/vpcLink:VpcLink": "free; the load balancer behind it is counted",
    "aws:apigatewayv2/api:Api": "HTTP APIs cost by request",
    "aws:apigatewayv2/apiMapping:ApiMapping": "part of the API",
    "aws:apigatewayv2/authorizer:Authorizer": "part of the API",
    "aws:apigatewayv2/domainName:DomainName": "part of the API",
    "aws:apigatewayv2/integration:Integration": "part of the API",
    "aws:apigatewayv2/route:Route": "part of the API",
    "aws:apigatewayv2/stage:Stage": "part of the API; its detailed metrics exist only while there are requests",
    "aws:apigatewayv2/vpcLink:VpcLink": "VPC links of HTTP APIs are free",
    "aws:appautoscaling/policy:Policy": "free; its two alarms are within CloudWatch's ten free ones",
    "aws:appautoscaling/target:Target": "free",
    "aws:backup/plan:Plan": "free",
    "aws:backup/selection:Selection": "free",
    "aws:backup/vault:Vault": "costs by what is in it: backups of tables and database cost by their size",
    "aws:batch/jobQueue:JobQueue": "free",
    "aws:batch/schedulingPolicy:SchedulingPolicy": "free",
    "aws:cloudfront/distribution:Distribution": "distributions cost by request and traffic",
    "aws:cloudfront/function:Function": "costs by request",
    "aws:cloudfront/originAccessControl:OriginAccessControl": "free",
    "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": "free",
    "aws:cloudwatch/eventRule:EventRule": "rules for AWS's own events are free",
    "aws:cloudwatch/eventTarget:EventTarget": "free",
    "aws:cloudwatch/logDelivery:LogDelivery": "costs by what is logged",
    "aws:cloudwatch/logDeliveryDestination:LogDeliveryDestination": "free",
    "aws:cloudwatch/logDeliverySource:LogDeliverySource": "free",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "free",
    "aws:cognito/identityProvider:IdentityProvider": "users of a directory cost by active month, after the first 50",
    "aws:cognito/resourceServer:ResourceServer": "free",
    "aws:cognito/userGroup:UserGroup": "free",
    "aws:cognito/userPool:UserPool": "users cost by active month: 10,000 are free, none in the PLUS plan",
    "aws:cognito/userPoolClient:UserPoolClient": "free for people; notebooks cost by token, $2.25 for 1,000",
    "aws:cognito/userPoolDomain:UserPoolDomain": "free",
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "free",
    "aws:ec2/egressOnlyInternetGateway:EgressOnlyInternetGateway": "free; traffic costs",
    "aws:ec2/internetGateway:InternetGateway": "free; traffic costs",
    "aws:ec2/launchTemplate:LaunchTemplate": "free",
    "aws:ec2/placementGroup:PlacementGroup": "free",
    "aws:ec2/route:Route": "free",
    "aws:ec2/routeTable:RouteTable": "free",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "free",
    "aws:ec2/securityGroup:SecurityGroup": "free",
    "aws:ec2/subnet:Subnet": "free",
    "aws:ec2/vpc:Vpc": "free",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": "free",
    "aws:ecr/repository:Repository": "costs by what is in it: built images are counted, the serving images are yours",
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": "free",
    "aws:ecs/taskDefinition:TaskDefinition": "free; its tasks are counted with their service",
    "aws:iam/instanceProfile:InstanceProfile": "free",
    "aws:iam/policy:Policy": "free",
    "aws:iam/role:Role": "free",
    "aws:iam/rolePolicy:RolePolicy": "free",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "free",
    "aws:kms/alias:Alias": "free",
    "aws:lambda/function:Function": "functions cost by request and duration; concurrency that is set aside is free",
    "aws:lambda/invocation:Invocation": "one request when image or database are new",
    "aws:lambda/permission:Permission": "free",
    "aws:lb/listener:Listener": "part of the load balancer",
    "aws:lb/targetGroup:TargetGroup": "part of the load balancer",
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": "free",
    "aws:rds/parameterGroup:ParameterGroup": "free",
    "aws:rds/subnetGroup:SubnetGroup": "free",
    "aws:route53/record:Record": "entries are free, and questions for aliases of AWS's names too",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "free; transitions cost by object",
    "aws:s3/bucketLogging:BucketLogging": "free; the logs are in a bucket",
    "aws:s3/bucketObjectv2:BucketObjectv2": "in a bucket, which is counted",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "free",
    "aws:s3/bucketPolicy:BucketPolicy": "free",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "free",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "free",
    "aws:s3/bucketVersioning:BucketVersioning": "free; older versions are stored",
    "aws:sagemaker/domain:Domain": "Studio costs by running app; its EFS by what is in it",
    "aws:sagemaker/notebookInstanceLifecycleConfiguration:NotebookInstanceLifecycleConfiguration": "free",
    "aws:sagemaker/userProfile:UserProfile": "free",
    "aws:secretsmanager/secretVersion:SecretVersion": "part of the secret",
    "aws:servicediscovery/service:Service": "ECS registers its tasks free of charge",
    "aws:ssm/parameter:Parameter": "standard parameters are free",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "free",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "free",
    "aws:wafv2/webAclAssociation:WebAclAssociation": "free; the web ACL is counted",
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": "free; what is logged costs",
    "random:index/randomId:RandomId": "not in AWS",
    "random:index/randomPassword:RandomPassword": "not in AWS",
}
"""Resource types that cost nothing at rest, and why. A type that is neither here nor priced is an error."""
