"""Small pages for people: no script, no picture, nothing from elsewhere."""

import base64
import hashlib
from dataclasses import dataclass
from html import escape
from http import HTTPStatus

from .messages import Response

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem;color:#16191f;"
    "background:#fff}a{color:#0b5cad}small{color:#545b64}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#16191f}a{color:#7cb9ff}small{color:#b0b6bd}}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link: its path and its words."""

    path: str
    words: str


def page(
    title: str,
    text: str,
    *,
    link: Link,
    status: HTTPStatus = HTTPStatus.OK,
    request_id: str | None = None,
    cookies: tuple[str, ...] = (),
    note: str | None = None,
) -> Response:
    """A page with a title, a text, a link and the id by which the logs know the request; all of it is escaped."""
    reference = f"<p><small>Request {escape(request_id)}</small></p>" if request_id else ""
    body = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>"
        f'<p>{escape(text)}</p><p><a href="{escape(link.path)}">{escape(link.words)}</a></p>{reference}'
        f"</main></body></html>"
    )
    headers = {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": POLICY,
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
    }
    return Response(status=status, headers=headers, body=body, cookies=cookies, note=note)
