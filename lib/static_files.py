"""The files of a static page, as they are uploaded: by content, so that a plan is the same wherever it is made."""

from dataclasses import dataclass
from pathlib import Path

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
"""Types by suffix. Browsers take no script or style sheet of another type beside `X-Content-Type-Options: nosniff`."""

CONFIG = "config.json"
"""The page's runtime configuration, which is generated at deployment."""


@dataclass(frozen=True, kw_only=True)
class StaticFile:
    """A file of the page.

    Args:
        key: Path below the page's root.
        content_type: Value of its `Content-Type`.
        text: Content.
    """

    key: str
    content_type: str
    text: str


def static_files(folder: Path) -> list[StaticFile]:
    """All files below a folder, by key; a `config.json` for trying the page out is left aside.

    Raises:
        ValueError: A file has a suffix without content type.
    """
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return [_file(key, path) for key, path in sorted(paths.items()) if key != CONFIG]


def _file(key: str, path: Path) -> StaticFile:
    content_type = CONTENT_TYPES.get(path.suffix)
    if content_type is None:
        raise ValueError(
            f"{path}: no content type is known for {path.suffix or 'a name without suffix'}; "
            "add it to CONTENT_TYPES in lib/static_files.py, or move the file out of the page's folder"
        )
    return StaticFile(key=key, content_type=content_type, text=path.read_text("utf-8"))
