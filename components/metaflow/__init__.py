"""Metaflow on AWS Batch and Step Functions."""

from components.metaflow.component import Metaflow, MetaflowArgs

__all__ = ["Metaflow", "MetaflowArgs"]
