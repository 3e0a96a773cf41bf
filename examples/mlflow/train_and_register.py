"""Trains a small model, tracks and registers it in the platform's MLflow, and on request deploys it to an endpoint.

README.md beside this file says how to run it.
"""

import argparse
import json
import os
from dataclasses import dataclass
from typing import Any

import boto3
import mlflow
import mlflow.sklearn
import numpy as np
import requests
from botocore.exceptions import BotoCoreError, ClientError
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.deployments import get_deploy_client
from mlflow.models import infer_signature
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split

ADDRESS = "MLFLOW_TRACKING_URI"
PASSWORD = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
TOKEN = "MLFLOW_TRACKING_TOKEN"
PLUGIN = "MLFLOW_TRACKING_AUTH"
ALIAS = "champion"


@dataclass(frozen=True)
class Trained:
    """A tracked run and the model version that it registered."""

    run_id: str
    version: str
    test_data: Any


def arguments() -> argparse.Namespace:
    """The command line, refused where it is incomplete."""
    parser = argparse.ArgumentParser(description="Trains, tracks and registers a model in the platform's MLflow.")
    parser.add_argument("--stack", help="read address and credentials of this stack from AWS, not the environment")
    parser.add_argument("--experiment", default="diabetes", help="name of the experiment (default: %(default)s)")
    parser.add_argument("--model-name", default="diabetes", help="name to register under (default: %(default)s)")
    parser.add_argument("--alpha", type=float, default=0.1, help="strength of regularization (default: %(default)s)")
    endpoint = parser.add_argument_group("deployment, which costs by the hour until it is deleted")
    endpoint.add_argument("--deploy", metavar="ENDPOINT", help="create this SageMaker endpoint")
    endpoint.add_argument("--role", metavar="ARN", help="output studioExecutionRoleArn")
    endpoint.add_argument("--bucket", metavar="NAME", help="output artifactBucket")
    endpoint.add_argument("--image-url", metavar="URI", help="output servingRepositoryUrl, a colon, the tag")
    endpoint.add_argument("--instance-type", default="ml.m5.large", help="of the endpoint (default: %(default)s)")
    options = parser.parse_args()
    if options.deploy:
        needed = {"--role": options.role, "--bucket": options.bucket, "--image-url": options.image_url}
        if missing := [name for name, value in needed.items() if not value]:
            parser.error(f"--deploy needs {', '.join(missing)} as well; --help says which output of the stack each is")
    return options


def region() -> str:
    """The region; containers on AWS set AWS_REGION, which boto3 does not read."""
    if "AWS_REGION" in os.environ:
        os.environ.setdefault("AWS_DEFAULT_REGION", os.environ["AWS_REGION"])
    found = boto3.Session().region_name
    if not found:
        raise SystemExit("AWS_DEFAULT_REGION is not set: export AWS_DEFAULT_REGION=<region of the stack>")
    return found


def connect_by_environment() -> None:
    """Makes sure that the environment says where MLflow is and who we are."""
    login = () if os.environ.get(TOKEN) or os.environ.get(PLUGIN) else PASSWORD
    if missing := [name for name in (ADDRESS, *login) if not os.environ.get(name)]:
        raise SystemExit(
            f"not set: {', '.join(missing)}\n"
            'Set them with: eval "$(make -s env STACK=<stack> SECRETS=1)"\n'
            f"which sets {TOKEN} instead where MLflow takes tokens, after: make login STACK=<stack>\n"
            "or give --stack <stack>, which reads them from SSM and Secrets Manager."
        )


def connect_by_stack(stack: str) -> None:
    """Finds address and credentials as a notebook does: a parameter and a secret, read with the caller's own role.

    A token lasts an hour, or as long as the stack says; docs/clients.md says how longer runs keep theirs fresh.
    """
    session = boto3.Session(region_name=region())
    parameter = f"/mlplatform/{stack}/mlflow/tracking-uri"
    try:
        answer: Any = session.client("ssm").get_parameter(Name=parameter, WithDecryption=True)
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(_unreadable(f"SSM parameter {parameter}", session, error)) from None
    os.environ[ADDRESS] = answer["Parameter"]["Value"]
    # The first exists with `mlflow.auth: cognito`, the second with `basic`; a role may read the one that exists.
    token_secret, password_secret = f"mlplatform-{stack}-notebook-client", f"mlplatform-{stack}-mlflow-credentials"
    reader: Any = session.client("secretsmanager")
    try:
        os.environ[TOKEN] = token(json.loads(reader.get_secret_value(SecretId=token_secret)["SecretString"]))
    except (BotoCoreError, ClientError) as first:
        try:
            login = json.loads(reader.get_secret_value(SecretId=password_secret)["SecretString"])
        except (BotoCoreError, ClientError) as second:
            both = f"secret {token_secret} cannot be read: {first}\n"
            raise SystemExit(both + _unreadable(f"secret {password_secret}", session, second)) from None
        os.environ.update(zip(PASSWORD, (login["username"], login["password"]), strict=True))


def token(client: dict[str, str]) -> str:
    """An access token, by what the secret of notebooks and jobs holds."""
    fields = {"grant_type": "client_credentials", "scope": client["scope"]}
    login = (client["clientId"], client["clientSecret"])
    answer = requests.post(client["tokenUrl"], data=fields, auth=login, timeout=30)
    if not answer.ok:
        raise SystemExit(f"{client['tokenUrl']} gave no token: {answer.status_code} {answer.text}")
    return str(answer.json()["access_token"])


def _unreadable(what: str, session: boto3.Session, error: Exception) -> str:
    return (
        f"{what} in {session.region_name} cannot be read: {error}\n"
        "Is the stack deployed in this account and region, and may you read it? "
        f"Otherwise set {ADDRESS} and {TOKEN}, or {' and '.join(PASSWORD)}, and leave out --stack."
    )


def plot(truth: Any, predicted: Any) -> Figure:
    """Predictions against the truth."""
    figure = Figure(figsize=(5, 5))
    axes = figure.add_subplot()
    axes.scatter(truth, predicted, s=12)
    axes.axline((150, 150), slope=1, color="grey", linewidth=1)
    axes.set_xlabel("truth")
    axes.set_ylabel("predicted")
    return figure


def train(experiment: str, model_name: str, alpha: float) -> Trained:
    """Trains, logs and registers. In a training job, `MLFLOW_RUN_ID` names the run to continue."""
    data: Any = load_diabetes(as_frame=True)
    parts: list[Any] = train_test_split(data.data, data.target, random_state=1)
    train_x, test_x, train_y, test_y = parts
    mlflow.set_experiment(experiment)
    with mlflow.start_run() as run:
        if job := os.environ.get("TRAINING_JOB_NAME"):
            mlflow.set_tag("sagemaker.training_job_name", job)
        mlflow.log_params({"alpha": alpha, "rows": len(train_x)})
        model = Ridge(alpha=alpha).fit(train_x, train_y)
        predicted = model.predict(test_x)
        mlflow.log_metrics({"r2": r2_score(test_y, predicted), "mae": mean_absolute_error(test_y, predicted)})
        mlflow.log_figure(plot(test_y, predicted), "predictions.png")
        mlflow.log_dict(dict(zip(train_x.columns, model.coef_.tolist(), strict=True)), "coefficients.json")
        info = mlflow.sklearn.log_model(
            model,
            name="model",
            registered_model_name=model_name,
            signature=infer_signature(train_x, model.predict(train_x)),
            input_example=train_x.head(2),
        )
    version = str(info.registered_model_version)
    MlflowClient().set_registered_model_alias(model_name, ALIAS, version)

    loaded = mlflow.pyfunc.load_model(f"models:/{model_name}/{version}")
    if not np.allclose(loaded.predict(test_x), predicted):
        raise SystemExit(f"version {version} of {model_name} predicts other values than the model that was saved")
    return Trained(run.info.run_id, version, test_x)


def deploy(options: argparse.Namespace, trained: Trained) -> None:
    """Creates an endpoint of the registered version, waits for it and asks it once."""
    target = f"sagemaker:/{region()}"
    client: Any = get_deploy_client(target)
    client.create_deployment(
        options.deploy,
        f"models:/{options.model_name}/{trained.version}",
        flavor="python_function",
        config={
            "execution_role_arn": options.role,
            "bucket": options.bucket,
            "image_url": options.image_url,
            "instance_type": options.instance_type,
            "instance_count": 1,
        },
    )
    print(f"endpoint {options.deploy}; delete it with: mlflow deployments delete -t {target} --name {options.deploy}")
    print(f"the endpoint predicts: {client.predict(options.deploy, trained.test_data.head(2))}")


def main() -> None:
    """Runs it all."""
    options = arguments()
    if options.stack:
        connect_by_stack(options.stack)
    else:
        connect_by_environment()
    region()  # boto3 wants it for S3, where the artifacts go
    trained = train(options.experiment, options.model_name, options.alpha)
    print(f"run id: {trained.run_id}")
    print(f"model version: {trained.version} of {options.model_name}, alias {ALIAS}")
    if options.deploy:
        deploy(options, trained)


if __name__ == "__main__":
    main()
