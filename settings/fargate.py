"""What all settings of Fargate tasks have in common: sizes, processor, images."""

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

MEMORY_BY_CPU = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4097, 1024)),
    1024: tuple(range(2048, 8193, 1024)),
    2048: tuple(range(4096, 16385, 1024)),
    4096: tuple(range(8192, 30721, 1024)),
    8192: tuple(range(16384, 61441, 4096)),
    16384: tuple(range(32768, 122881, 8192)),
}
"""Amazon ECS developer guide, "Fargate task definition considerations": memory (MiB) offered with each CPU size."""

ImageUri = Annotated[str, StringConstraints(pattern=r"^[\w.-]+(:\d+)?(/[\w.-]+)+(:[\w.-]+)?(@sha256:[0-9a-f]{64})?$")]


class CpuArchitecture(StrEnum):
    """Processor of the tasks, and of images built for them."""

    X86_64 = "X86_64"
    ARM64 = "ARM64"


def check_size(cpu: int, memory: int) -> None:
    """Refuses sizes that Fargate does not offer.

    Raises:
        ValueError: Names what is offered.
    """
    if cpu not in MEMORY_BY_CPU:
        raise ValueError(f"cpu {cpu} is not offered by Fargate; choose one of {sorted(MEMORY_BY_CPU)}")
    if memory not in MEMORY_BY_CPU[cpu]:
        offered = MEMORY_BY_CPU[cpu]
        raise ValueError(
            f"memory {memory} does not go with cpu {cpu} on Fargate; "
            f"choose from {offered[0]} to {offered[-1]} MiB: {', '.join(map(str, offered))}"
        )


def pinned(uri: str | None) -> str | None:
    """The image's URI, if it names a version.

    Raises:
        ValueError: It names none, or `latest`.
    """
    if uri is not None and "@" not in uri and (":" not in uri.rsplit("/", 1)[-1] or uri.endswith(":latest")):
        raise ValueError("the image is not pinned; add a version tag such as `:3.17.2`, or a digest")
    return uri
