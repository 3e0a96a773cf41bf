"""The calls of AWS that a Python source makes, read from it without running it."""

import ast
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import botocore.session
from botocore import xform_name

TRANSFERS = {"s3": frozenset({"upload_file", "upload_fileobj", "download_file", "download_fileobj"})}
"""Methods that boto3 adds to its clients; `copy` is left out, as dictionaries have it too."""

MAKERS = {"get_aws_client": None, "get_s3_client": "s3", "client": None, "resource": None}
"""Functions that make clients, and the service where they take no name of one."""

QUOTED = re.compile(r"""boto3\.client\(\\*["'](?P<service>\w+)\\*["'].*?\)\.(?P<operation>\w+)\(""")
"""A call in a command that is handed to another Python."""

Call = tuple[str, str, str]
"""File, outermost function with its class, and `service.operation` by boto3's names."""


@cache
def operations(service: str) -> frozenset[str]:
    """Names of the methods of a service's client."""
    session = botocore.session.get_session()
    if service not in session.get_available_services():
        return frozenset()
    names: list[str] = cast("Any", session.get_service_model(service)).operation_names
    return frozenset(xform_name(name) for name in names) | TRANSFERS.get(service, frozenset())


def calls(root: Path, files: Collection[Path], *services: str) -> set[Call]:
    """All calls in some files.

    Args:
        root: What the files' names are relative to.
        files: The files.
        services: Services whose clients they are handed; those that they make clients of themselves are found.
    """
    return {
        (str(path.relative_to(root)), function, f"{service}.{operation}")
        for path in files
        for function, service, operation in _calls(path.read_text(encoding="utf-8"), services)
    }


def makers_of(source: str) -> set[str]:
    """Services that a source makes clients of; `?` where the name is not written there."""
    return {
        service
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and (service := _made(node)) is not None
    }


def _calls(source: str, given: Collection[str]) -> Iterator[tuple[str, str, str]]:
    if not given and "boto3" not in source and "_client" not in source:
        return
    tree = ast.parse(source)
    services = {*given, *makers_of(source)} - {"?"}
    for function, node in _nodes(tree, ""):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for quoted in QUOTED.finditer(node.value):
                yield function, quoted["service"], quoted["operation"]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            if name in ("get_paginator", "get_waiter"):
                (asked,) = node.args
                name = str(ast.literal_eval(asked))
            for service in services:
                if name in operations(service):
                    yield function, service, name


def _nodes(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    """All nodes with the outermost function around each, as `Class.method`."""
    for child in ast.iter_child_nodes(node):
        inside = function
        if isinstance(child, ast.ClassDef) and not function:
            for grandchild in _nodes(child, ""):
                yield f"{child.name}.{grandchild[0]}" if grandchild[0] else child.name, grandchild[1]
            continue
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not function:
            inside = child.name
        yield inside, child
        yield from _nodes(child, inside)


def _made(node: ast.Call) -> str | None:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in MAKERS:
        return None
    if (fixed := MAKERS[name]) is not None:
        return fixed
    if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) not in (
        "boto3",
        "boto3.session",
        "session",
    ):
        return None
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else "?"
