"""MLflow on Fargate."""

from components.mlflow_service.component import MlflowService, MlflowServiceArgs

__all__ = ["MlflowService", "MlflowServiceArgs"]
