"""Users: the pool, the company's directory, and the clients through which people and programs log in."""

from components.identity.clients import Clients, ClientsArgs, Urls
from components.identity.pool import UserPool, UserPoolArgs

__all__ = ["Clients", "ClientsArgs", "Urls", "UserPool", "UserPoolArgs"]
