"""Requests and answers, as handlers see them, and as API Gateway's payload format 2.0 has them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs

Event = Mapping[str, Any]


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it a problem
    """An answer that says what is wrong.

    Args:
        status: Status of the answer.
        detail: What is wrong and what to do, for people.
        headers: Further headers of the answer.
    """

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who calls, by a token that API Gateway has verified.

    Args:
        subject: Id of the user in the pool, which never changes.
        username: Name by which the user logs in.
        email: Address; id tokens have it, access tokens do not.
        groups: Groups of the user.
        client_id: Client that the token was made for.
        expires_at: End of the token's life, in seconds since 1970.
    """

    subject: str
    username: str | None
    email: str | None
    groups: tuple[str, ...]
    client_id: str | None
    expires_at: int

    @classmethod
    def of(cls, claims: Mapping[str, Any]) -> "Caller":
        """The caller that claims speak of; access and id tokens of Cognito name some things differently.

        Raises:
            ValueError: The claims lack the subject or the end of life.
            OverflowError: The end of life is none.
        """
        subject = _text(claims, "sub")
        if subject is None:
            raise ValueError("no sub")
        return cls(
            subject=subject,
            username=_text(claims, "username") or _text(claims, "cognito:username"),
            email=_text(claims, "email"),
            groups=_listed(_text(claims, "cognito:groups")),
            client_id=_text(claims, "client_id") or _text(claims, "aud"),
            # API Gateway makes texts of numbers, and large ones may come with an exponent.
            expires_at=int(float(_text(claims, "exp") or "")),
        )


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request.

    Args:
        id: API Gateway's id of it, which is in the access log as well.
        route: Route that it came by, such as `GET /me`.
        query: Parameters that are given once; of those given more often nobody could say which one is meant.
        cookies: Cookies, likewise.
        claims: Claims of the verified token; empty where no authorizer looked at it.
    """

    id: str
    route: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    cookies: Mapping[str, str] = field(default_factory=dict[str, str])
    claims: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, event: Event) -> "Request":
        """The request in an event (API Gateway developer guide, "Lambda integrations for HTTP APIs")."""
        context = _section(event, "requestContext")
        pairs = [cookie.partition("=") for cookie in cast("list[str]", event.get("cookies") or [])]
        cookies: dict[str, list[str]] = {}
        for name, _, value in pairs:
            cookies.setdefault(name.strip(), []).append(value.strip())
        return cls(
            id=str(context.get("requestId", "")),
            route=str(event.get("routeKey", "")),
            query=_once(parse_qs(str(event.get("rawQueryString", "")), keep_blank_values=True)),
            cookies=_once(cookies),
            claims=_section(_section(_section(context, "authorizer"), "jwt"), "claims"),
        )

    @property
    def caller(self) -> Caller:
        """Who calls.

        Raises:
            Problem: Nobody has verified who it is.
        """
        try:
            return Caller.of(self.claims)
        except (ValueError, OverflowError) as error:
            raise Problem(
                HTTPStatus.UNAUTHORIZED, "Send a valid token as a bearer token.", {"www-authenticate": "Bearer"}
            ) from error


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer.

    Args:
        status: Its status.
        headers: Its headers, in lower case.
        body: Its text.
        cookies: Values of its `Set-Cookie` headers.
        note: What the log should say beside; never a token.
    """

    status: HTTPStatus = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str = ""
    cookies: tuple[str, ...] = ()
    note: str | None = None

    def to_result(self) -> dict[str, Any]:
        """The answer in payload format 2.0."""
        always = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        return {
            "statusCode": int(self.status),
            "headers": {**always, **self.headers},
            "cookies": list(self.cookies),
            "body": self.body,
            "isBase64Encoded": False,
        }


def json_response(content: Mapping[str, Any]) -> Response:
    """An answer in JSON."""
    return Response(headers={"content-type": "application/json"}, body=json.dumps(content))


def problem_response(problem: Problem, request_id: str) -> Response:
    """An answer that says what is wrong (RFC 9457), and by which id it is found in the logs."""
    content = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": int(problem.status),
        "detail": problem.detail,
        "requestId": request_id,
    }
    return Response(
        status=problem.status,
        headers={"content-type": "application/problem+json", **problem.headers},
        body=json.dumps(content),
    )


def _section(event: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = event.get(name)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _once(values: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: each[0] for name, each in values.items() if len(each) == 1}


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return str(value) if value not in (None, "") else None


def _listed(text: str | None) -> tuple[str, ...]:
    """A list claim, of which API Gateway makes `[admin user]`; names of groups have no white space."""
    if text is None or not (text.startswith("[") and text.endswith("]")):
        return ()
    return tuple(text[1:-1].split())
