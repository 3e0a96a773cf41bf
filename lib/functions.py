"""Code of Lambda functions: archives whose bytes depend on nothing but what is in them."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a ZIP file knows."""


def python_files(folder: Path) -> dict[str, bytes]:
    """The Python files below a folder by their path in it; what Python or an editor leaves beside them is not code."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.py"))}


def archive(files: Mapping[str, bytes]) -> bytes:
    """A ZIP file that is the same on every machine: sorted, without times, readable for all, and not compressed, for
    compression differs between versions of zlib."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, whatever the machine
            file.writestr(entry, files[path])
    return buffer.getvalue()
