"""The table of all additions, as printed by `python -m emulator additions` and kept in the README."""

import emulator


def table() -> str:
    """A Markdown table of every addition."""
    rows = ["| service | operation | | why | moto |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| {addition.service} | {addition.operation} | {addition.kind} | {addition.reason} | {addition.moto} |"
        for addition in emulator.ADDITIONS
    ]
    return "\n".join(rows)
