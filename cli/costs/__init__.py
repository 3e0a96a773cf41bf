"""The idle cost a month of a stack, computed from its offline plan."""

from cli.costs.idle import Bill, Line, UnpricedError, idle_cost
from cli.costs.page import bill, page, sample_bill

__all__ = ["Bill", "Line", "UnpricedError", "bill", "idle_cost", "page", "sample_bill"]
