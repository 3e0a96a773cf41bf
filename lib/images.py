"""Container images: content tags of our sources, and where an image's repository is."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from lib.naming import Target

IGNORED = frozenset({"__pycache__", ".pytest_cache"})
SHARED = "common"
"""Folder beside the images' own, of which any image may copy."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The sources of an image.

    Args:
        context: Folder of all images' sources, which Docker gets.
        dockerfile: Path of the image's Dockerfile.
        tag: Short hash of everything that the image may copy.
    """

    context: str
    dockerfile: str
    tag: str


def source(services: Path, image: str) -> Source:
    """The sources of an image: its own folder, and what it may share with others.

    The tag changes with any of their files' name, mode or content, and with nothing else.

    Args:
        services: Folder of all images' sources.
        image: Name of the image, and of its folder.
    """
    digest = hashlib.sha256()
    for folder in (image, SHARED):
        files = (path for path in (services / folder).rglob("*") if path.is_file() and not IGNORED & set(path.parts))
        for path in sorted(files):
            executable = bool(path.stat().st_mode & 0o100)
            digest.update(f"{path.relative_to(services).as_posix()}\0{executable}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    dockerfile = services / image / "Dockerfile"
    return Source(context=str(services), dockerfile=str(dockerfile), tag=digest.hexdigest()[:16])


def ecr_repository_arn(target: Target, uri: str) -> str | None:
    """ARN of the private ECR repository that an image is in, or None where it is in another kind of registry."""
    found = re.match(r"^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z.]+/([^:@]+)", uri)
    return found and f"arn:{target.partition}:ecr:{found[2]}:{found[1]}:repository/{found[3]}"
