"""`make dns`: the DNS entries that a stack's names need, as a zone file, and whether they resolve yet."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import dns.exception
import dns.name
import dns.resolver

from cli.engine import find_engine
from lib.zone_file import Entry, dotted, zone_file

QUERY_SECONDS = 2.0
NAME_SECONDS = 5.0
"""How long one server may take, and all of them together for one name."""

LONGEST_CHAIN = 8
"""CNAMEs after each other that are followed; resolvers follow about as many."""

ENTRIES = "mlplatform:domain:DnsEntries"
"""The component that knows what each name must point to, and registers it as `targets` once all is there."""

CERTIFICATE, RECORD = "aws:acm/certificate:Certificate", "aws:route53/record:Record"


class UnreachableError(Exception):
    """No DNS server answered; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An entry that must be there.

    Args:
        entry: The entry as a CNAME, which every DNS provider has.
        alias: Whether an alias, which resolves to the target's addresses, is as good.
    """

    entry: Entry
    alias: bool


def show(root: Path, stack: str, *, resolver: str | None, environment: Mapping[str, str] | None = None) -> int:
    """Prints a stack's entries as a zone file, with what is known of each as comments; also while `up` waits for them.

    Args:
        root: Folder of `Pulumi.yaml`.
        stack: Name of the stack.
        resolver: Whom to ask, `address` or `address:port`; this machine's resolver if absent.
        environment: Variables for the engine.

    Returns:
        0 when all resolve to what they should, 1 otherwise.
    """
    state = find_engine(root, environment or {}).state(stack)
    entries, missing = list(wanted(state)), unknown(state)
    if not entries:
        print(f"; nothing of {stack} needs an entry yet: set mlplatform:domain.name and deploy, or wait for up")
        return 1
    print(zone_file(one.entry for one in entries))
    ask = resolver_at(resolver)
    with ThreadPoolExecutor() as pool:  # a server that is silent is waited for once, and not for each name
        problems = list(pool.map(partial(problem, ask=ask), entries))
    for one, found in zip(entries, problems, strict=True):
        print(f"; {'yes' if found is None else 'no '}  {dotted(one.entry.name)}{f': {found}' if found else ''}")
    for name in missing:
        print(f"; no   {dotted(name)}: its target is known once up is done; ask again then")
    return 1 if missing or any(problems) else 0


def wanted(state: list[dict[str, Any]]) -> Iterator[Wanted]:
    """What a stack's state says must be in DNS: proofs for ACM first, then the names."""
    resources = _own(state)
    made = {dotted(str(resource["outputs"]["fqdn"])) for resource in resources if resource["type"] == RECORD}

    def why(name: str, text: str) -> str:
        return f"{text}; the stack has entered it into Route 53" if dotted(name) in made else text

    proofs = {
        option["resourceRecordName"]: option
        for resource in resources
        if resource["type"] == CERTIFICATE
        for option in resource["outputs"].get("domainValidationOptions") or ()
    }
    for name, option in sorted(proofs.items()):
        text = why(name, f"proves {option['domainName']} to ACM, which asks again at each renewal")
        yield Wanted(
            entry=Entry(
                name=name, type=str(option["resourceRecordType"]), value=str(option["resourceRecordValue"]), why=text
            ),
            alias=False,
        )
    for name, target in sorted(_targets(resources).items()):
        text = why(name, "where your provider offers an alias (A and AAAA), that does as well")
        yield Wanted(entry=Entry(name=name, type="CNAME", value=target, why=text), alias=True)


def _own(state: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the stack made and keeps: no provider, nothing that it only reads, nothing that it is about to delete."""
    return [one for one in state if one.get("outputs") and not one.get("external") and not one.get("delete")]


def _targets(resources: list[dict[str, Any]]) -> dict[str, str]:
    """Names with what serves them, whatever kind of thing that is."""
    return {
        name: target
        for resource in resources
        if resource["type"] == ENTRIES
        for name, target in resource["outputs"].get("targets", {}).items()
    }


def unknown(state: list[dict[str, Any]]) -> list[str]:
    """Names in the stack's certificates that nothing serves yet: while `up` waits these are all that the state has."""
    resources = _own(state)
    certificates = [resource["outputs"] for resource in resources if resource["type"] == CERTIFICATE]
    names = {
        name
        for outputs in certificates
        for name in (outputs["domainName"], *(outputs["subjectAlternativeNames"] or ()))
    }
    return sorted(names - set(_targets(resources)))


Ask = Callable[[str, str], list[str]]
"""Values of a name's entries of a type; empty where there are none."""


def resolver_at(address: str | None) -> Ask:
    """Asks a DNS server.

    Args:
        address: `address` or `address:port`; this machine's resolver if absent.
    """
    resolver = dns.resolver.Resolver(configure=address is None)
    if address is not None:
        host, _, port = address.rpartition(":") if address.count(":") == 1 else (address, "", "53")
        resolver.nameservers, resolver.port = [host], int(port)
    resolver.timeout, resolver.lifetime = QUERY_SECONDS, NAME_SECONDS

    def ask(name: str, kind: str) -> list[str]:
        try:
            answer = resolver.resolve(dns.name.from_text(name), kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return []
        except dns.resolver.LifetimeTimeout:
            raise UnreachableError(f"no DNS server answered in {NAME_SECONDS:g} seconds") from None
        except dns.exception.DNSException as error:
            raise UnreachableError(str(error)) from None
        return [value.to_text().lower() for value in cast("Iterable[Any]", answer.rrset or ())]

    return ask


def problem(one: Wanted, ask: Ask) -> str | None:
    """Why an entry is not as it must be; None if it is."""
    try:
        return _problem(one, ask)
    except UnreachableError as error:
        return str(error)


def _problem(one: Wanted, ask: Ask) -> str | None:
    name, target = dotted(one.entry.name), dotted(one.entry.value).lower()
    seen: list[str] = []
    while len(seen) < LONGEST_CHAIN and (found := ask(seen[-1] if seen else name, "CNAME")):
        if target in found:
            return None
        seen += found[:1]
    if seen:
        return f"leads to {seen[0]} and not to {target}"
    if not one.alias:
        return "does not resolve yet"
    addresses, right = _addresses(name, ask), _addresses(target, ask)
    if not addresses:
        return "does not resolve yet"
    if addresses & right:
        return None
    return f"resolves to {', '.join(sorted(addresses))}, and {target} to {', '.join(sorted(right)) or 'nothing'}"


def _addresses(name: str, ask: Ask) -> set[str]:
    return {*ask(name, "A"), *ask(name, "AAAA")}
