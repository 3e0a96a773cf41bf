"""Container images: content tags of our sources, and where an image's repository is."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from lib.naming import Target

IGNORED = frozenset({"__pycache__", ".pytest_cache"})


@dataclass(frozen=True, kw_only=True)
class Source:
    """The sources of an image.

    Args:
        context: Folder with the Dockerfile.
        tag: Short hash of everything in it.
    """

    context: str
    tag: str


def source(context: Path) -> Source:
    """The sources in a folder; its tag changes with any file's name, mode or content, and with nothing else."""
    digest = hashlib.sha256()
    for path in sorted(path for path in context.rglob("*") if path.is_file() and not IGNORED & set(path.parts)):
        executable = bool(path.stat().st_mode & 0o100)
        digest.update(f"{path.relative_to(context).as_posix()}\0{executable}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return Source(context=str(context), tag=digest.hexdigest()[:16])


def ecr_repository_arn(target: Target, uri: str) -> str | None:
    """ARN of the private ECR repository that an image is in, or None where it is in another kind of registry."""
    found = re.match(r"^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z.]+/([^:@]+)", uri)
    return found and f"arn:{target.partition}:ecr:{found[2]}:{found[1]}:repository/{found[3]}"
