"""MLflow on Fargate."""

from components.mlflow_service.component import MlflowService, MlflowServiceArgs
from components.mlflow_service.containers import authoriser
from components.mlflow_service.tokens import tokens_parameter

__all__ = ["MlflowService", "MlflowServiceArgs", "authoriser", "tokens_parameter"]
