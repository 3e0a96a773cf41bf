"""Runs the program in this process and records every resource it registers, with what a preview would know of it."""

import asyncio
import gc
import runpy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from google.protobuf import struct_pb2
from pulumi.runtime import config as pulumi_config
from pulumi.runtime import mocks, rpc
from pulumi.runtime import settings as pulumi_settings
from pulumi.runtime.proto import callback_pb2, resource_pb2
from pulumi.runtime.stack import run_pulumi_func

from cli.plan.answers import answers, reads
from cli.plan.awsx import children
from cli.plan.stack_file import Stack
from lib import docker

# The SDK's half a million objects stay for good. With Python's own thresholds half of a recording's time goes into
# looking through them again and again.
gc.set_threshold(50_000, 20, 50)

STACK_TYPE = "pulumi:pulumi:Stack"

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET, REFERENCE = "1b47061264138c4ac30d75fd1eb44270", "5cf8f73096256a8f31e491e813e4eb8e"
"""How a special value is marked in Pulumi's wire format, and the marks of secrets and of references to resources
(pulumi/pulumi, sdk/go/common/resource/sig)."""

COMPUTED_IN_BLOCKS: Mapping[str, tuple[str, Sequence[str]]] = {
    "aws:apigatewayv2/domainName:DomainName": ("domainNameConfiguration", ("hostedZoneId", "targetDomainName")),
}
"""Outputs that a provider computes inside a block of inputs: the SDK takes what is missing there for None."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource as the program registered it.

    Args:
        urn: Name that is unique in the stack.
        type: Type token.
        name: Logical name.
        parent: URN of the parent; empty for the stack's own.
        custom: Whether a provider manages it; a component otherwise.
        props: Inputs with camelCase keys; a value that a preview cannot know is `rpc.UNKNOWN`.
        protect: Whether Pulumi would refuse to delete it.
        dependencies: URNs of what it waits for.
        property_dependencies: The same for each input.
        ignore_changes: Inputs whose changes are ignored.
        secret_props: Top-level inputs that hold a secret.
        create_timeout: How long its creation may take, such as `75m`; the provider's own if empty.
        provider: Name of its explicit provider; the stack's default one if empty.
    """

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    props: Mapping[str, Any]
    protect: bool = False
    dependencies: Sequence[str] = ()
    property_dependencies: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    ignore_changes: Sequence[str] = ()
    secret_props: frozenset[str] = frozenset()
    create_timeout: str = ""
    provider: str = ""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A run of the program.

    Args:
        stack: The stack it ran for.
        resources: What it registered, parents first.
        invokes: Lookups it made.
        outputs: Names of the stack's outputs.
    """

    stack: Stack
    resources: Sequence[Resource]
    invokes: Sequence[str]
    outputs: Sequence[str]

    def of_type(self, type_: str) -> list[Resource]:
        """The resources of one type."""
        return [resource for resource in self.resources if resource.type == type_]


class _NoMocks(mocks.Mocks):
    """The monitor below answers for itself."""

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        raise LookupError(f"the offline plan has no answer to the lookup {args.token}; add it to cli/plan/answers.py")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return "", cast("dict[str, Any]", args.inputs)


class _Transforms:
    """Takes transforms and asks none: what awsx makes inside is modelled as it is after them (cli/plan/awsx.py).

    Pulumi's own would open a server in each recording, for an engine that there is not.
    """

    def register_transform(self, transform: object) -> callback_pb2.Callback:
        del transform
        return callback_pb2.Callback()

    def register_stack_transform(self, transform: object) -> None:
        del transform


class RecordingMonitor(mocks.MockMonitor):
    """A Pulumi resource monitor that keeps what is registered and resolves what a preview would know."""

    def __init__(self, config: Mapping[str, str]) -> None:
        super().__init__(_NoMocks())
        self.recorded: list[Resource] = []
        self.invoked: list[str] = []
        self._answers = answers(config)
        self._reads = reads(config)

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        project, stack = pulumi_settings.get_project(), pulumi_settings.get_stack()
        above = "" if not parent or f"::{STACK_TYPE}::" in parent else parent.split("::")[2] + "$"
        return f"urn:pulumi:{stack}::{project}::{above}{type_}::{name}"

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        answer = self._answers.get(request.tok)
        if answer is None:
            return cast("Any", super()).Invoke(request)
        self.invoked.append(request.tok)
        given = rpc.deserialize_properties(request.args)
        fields: dict[str, Any] = {"return": _struct(answer(given))}  # a name that Python reserves
        return resource_pb2.ResourceInvokeResponse(**fields)

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        answer = self._reads.get(request.type)
        if answer is None:
            raise LookupError(
                f"the offline plan has no answer to the read of {request.type} {request.id}; add it to "
                "cli/plan/answers.py"
            )
        self.invoked.append(request.type)
        urn = self.make_urn(request.parent, request.type, request.name)
        self.resources[urn] = mocks.MockMonitor.ResourceRegistration(urn, request.id, {})
        return resource_pb2.ReadResourceResponse(urn=urn, properties=_struct(answer({"id": request.id})))

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        raw = cast("dict[str, Any]", _plain(request.object))
        secrets = frozenset(key for key, value in raw.items() if _has_secret(value))
        props = cast("dict[str, Any]", _unwrapped(raw))
        self._keep(
            Resource(
                urn=urn,
                type=request.type,
                name=request.name,
                parent="" if f"::{STACK_TYPE}::" in request.parent else request.parent,
                custom=bool(request.custom),
                props=props,
                protect=bool(request.protect),
                dependencies=sorted(request.dependencies),
                property_dependencies={key: sorted(d.urns) for key, d in request.propertyDependencies.items()},
                ignore_changes=list(request.ignoreChanges),
                secret_props=secrets,
                create_timeout=request.customTimeouts.create,
                provider=request.provider.rpartition("::")[0].rpartition("::")[2],
            )
        )
        if request.remote:
            return resource_pb2.RegisterResourceResponse(
                urn=urn, object=self._inside(urn, request.type, request.name, props)
            )
        # The engine marks an output secret where its input was; what a provider computes stays unknown.
        outputs = struct_pb2.Struct()
        outputs.CopyFrom(request.object)
        block, computed = COMPUTED_IN_BLOCKS.get(request.type, ("", ()))
        if block in outputs.fields:
            outputs.fields[block].struct_value.update(dict.fromkeys(computed, rpc.UNKNOWN))
        return resource_pb2.RegisterResourceResponse(urn=urn, id="", object=outputs)

    def _keep(self, resource: Resource) -> None:
        if any(known.urn == resource.urn for known in self.recorded):
            raise ValueError(f"two resources have the name {resource.name} and type {resource.type}; rename one")
        self.recorded.append(resource)
        self.resources[resource.urn] = mocks.MockMonitor.ResourceRegistration(resource.urn, "", {})

    def _inside(self, urn: str, type_: str, name: str, inputs: Mapping[str, Any]) -> struct_pb2.Struct:
        """Records what a remote component makes, and gives the outputs that are known at preview."""
        urns: list[str] = []
        references: list[dict[str, Any]] = []
        for child in children(type_, name, inputs):
            parent = urn if child.parent is None else urns[child.parent]
            child_urn = self.make_urn(parent, child.type, child.name)
            urns.append(child_urn)
            self._keep(
                Resource(
                    urn=child_urn, type=child.type, name=child.name, parent=parent, custom=True, props=dict(child.props)
                )
            )
            if child.type == "aws:ec2/routeTable:RouteTable":
                references.append({SIGNATURE: REFERENCE, "urn": child_urn, "id": ""})
        return _struct({"routeTables": references} if references else {})


def record(root: Path, stack: Stack) -> Recording:
    """Runs the program in `root` for a stack, without engine, account or credentials.

    Args:
        root: Folder of `__main__.py`.
        stack: The stack's configuration.

    Raises:
        Exception: Whatever the program raises, as the engine would report it.
    """
    monitor = RecordingMonitor(stack.config)
    pulumi_settings.ROOT.set(None)
    loop = asyncio.new_event_loop()
    # What is left when a program fails is of no interest, whenever Python collects it; the failure itself is raised.
    loop.set_exception_handler(lambda _loop, _context: None)
    asyncio.set_event_loop(loop)
    mocks.set_mocks(_NoMocks(), project=stack.project, stack=stack.name, preview=True, monitor=monitor)
    settings = cast("Any", pulumi_settings.SETTINGS)
    settings.callbacks = _Transforms()
    # What a failed run left, and outputs made outside of one, belong to loops that are closed.
    settings.outputs.clear()
    settings.rpc_manager.clear()
    pulumi_config.set_all_config(dict(stack.config), sorted(stack.secret_keys))
    try:
        loop.run_until_complete(run_pulumi_func(lambda: _run(root)))
        outputs = cast("list[str]", list(cast("Any", pulumi_settings.get_root_resource()).outputs))
    finally:
        loop.close()
        asyncio.set_event_loop(asyncio.new_event_loop())
    return Recording(
        stack=stack, resources=_in_order(monitor.recorded), invokes=sorted(monitor.invoked), outputs=outputs
    )


def _in_order(resources: list[Resource]) -> list[Resource]:
    """Parents first, then by name: registrations arrive in an order that differs from run to run."""
    paths: dict[str, tuple[tuple[str, str], ...]] = {"": ()}
    todo = list(resources)
    while todo:
        known = [resource for resource in todo if resource.parent in paths]
        paths.update({r.urn: (*paths[r.parent], (r.name, r.type)) for r in known})
        todo = [resource for resource in todo if resource.urn not in paths]
    return sorted(resources, key=lambda resource: paths[resource.urn])


def _run(root: Path) -> None:
    token = docker.builds.set(False)
    try:
        runpy.run_path(str(root / "__main__.py"), run_name="__main__")
    finally:
        docker.builds.reset(token)


def _struct(value: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update({key: below for key, below in value.items() if below is not None})
    return struct


def _plain(value: Any) -> Any:
    """A protobuf value as plain data, with whole numbers as integers."""
    if isinstance(value, struct_pb2.Struct):
        return {key: _plain(below) for key, below in value.fields.items()}
    if isinstance(value, struct_pb2.ListValue):
        return [_plain(below) for below in value.values]
    kind = value.WhichOneof("kind")
    if kind in ("struct_value", "list_value"):
        return _plain(getattr(value, kind))
    if kind == "number_value":
        number = value.number_value
        return int(number) if number == int(number) else number
    return None if kind == "null_value" else getattr(value, kind)


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and cast("dict[str, Any]", value).get(SIGNATURE) == SECRET


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return _is_secret(value) or any(map(_has_secret, cast("dict[str, Any]", value).values()))
    return isinstance(value, list) and any(map(_has_secret, cast("list[Any]", value)))


def _unwrapped(value: Any) -> Any:
    if _is_secret(value):
        return _unwrapped(value["value"])
    if isinstance(value, dict):
        return {key: _unwrapped(below) for key, below in cast("dict[str, Any]", value).items()}
    return [_unwrapped(below) for below in cast("list[Any]", value)] if isinstance(value, list) else value
