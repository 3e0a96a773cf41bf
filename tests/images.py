"""Images that tests give, so that none is built."""

MLFLOW_IMAGES = {"mlflow": "example.com/mlflow:1", "nginx": "example.com/nginx:1"}
METAFLOW_IMAGES = {
    "service": "123456789012.dkr.ecr.us-east-1.amazonaws.com/metaflow:1",
    "job": "123456789012.dkr.ecr.us-east-1.amazonaws.com/metaflow-job:1",
}
