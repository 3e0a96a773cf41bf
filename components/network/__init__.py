"""The VPC: created, or existing."""

from components.network.component import Network, NetworkArgs

__all__ = ["Network", "NetworkArgs"]
