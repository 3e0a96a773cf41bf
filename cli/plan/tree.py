"""A recording as a tree of components and resources, in text."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from cli.plan.recorder import Recording, Resource


def short(type_: str) -> str:
    """`aws:ec2/vpc:Vpc` as `aws:ec2:Vpc`, as the engine's own displays have it."""
    package, module, class_ = type_.split(":")
    return f"{package}:{module.split('/')[0]}:{class_}"


def tree(recording: Recording) -> Iterator[str]:
    """Lines of the tree: each component with the number of resources below it."""
    below: dict[str, list[Resource]] = defaultdict(list)
    for resource in recording.resources:
        below[resource.parent].append(resource)
    yield f"{recording.stack.project} {recording.stack.name}"
    yield from _branches(below, below[""], "")


def _branches(below: dict[str, list[Resource]], resources: Sequence[Resource], indent: str) -> Iterator[str]:
    for index, resource in enumerate(resources):
        last = index == len(resources) - 1
        lock = "  [protected]" if resource.protect else ""
        count = "" if resource.custom else f"  ({_custom_below(below, resource)})"
        yield f"{indent}{'└─ ' if last else '├─ '}{resource.name}  {short(resource.type)}{count}{lock}"
        yield from _branches(below, below[resource.urn], indent + ("   " if last else "│  "))


def _custom_below(below: dict[str, list[Resource]], resource: Resource) -> int:
    return sum(child.custom + _custom_below(below, child) for child in below[resource.urn])


def counts(recording: Recording) -> list[tuple[str, int]]:
    """Resource types with how often each occurs, most frequent first; components are left out."""
    found = Counter(short(resource.type) for resource in recording.resources if resource.custom)
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))
