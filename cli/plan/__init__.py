"""The offline plan: the program run in-process on a monitor that records what it registers."""

from cli.plan.recorder import Recording, record
from cli.plan.stack_file import Stack, read_stack

__all__ = ["Recording", "Stack", "read_stack", "record"]
