"""Reads, judges and prints."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.aws import aws_client
from cli.doctor.checks import diagnose, needed_quotas
from cli.doctor.facts import Batch
from cli.doctor.findings import Level, exit_code, table
from cli.doctor.reading import Reader
from cli.engine import find_engine
from cli.metaflow.variables import asking_aws, required


def doctor(root: Path, stack: str, environment: Mapping[str, str] | None = None) -> int:
    """Prints whether jobs of a stack can start.

    Args:
        root: Folder of `Pulumi.yaml`.
        stack: Name of the stack.
        environment: Variables for engine and AWS, where the account is the emulator.

    Returns:
        1 if a check failed.

    Raises:
        MetaflowError: The stack has no Metaflow, or AWS cannot be asked.
    """
    known = environment or {}
    outputs = find_engine(root, known).outputs(stack)
    batch = Batch.of(str(outputs["region"]), required(stack, outputs, "metaflowBatch"))

    def client(service: str) -> Any:
        return aws_client(service, batch.region, known)

    with asking_aws():
        findings = list(diagnose(Reader(batch, client).facts(needed_quotas(batch.environments))))
    print("\n".join(table(findings)))
    counts = {level: sum(one.level is level for one in findings) for level in Level}
    print(f"\n{counts[Level.OK]} ok, {counts[Level.WARN]} warnings, {counts[Level.FAIL]} failures")
    return exit_code(findings)
