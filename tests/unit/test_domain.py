"""Names, certificates' coverage, zone files, and what `make dns` says of them, asked from a DNS server of its own."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import __main__ as commands
from cli.dns import problem, resolver_at, unknown, wanted
from lib.hosts import covers, in_zone, uncovered
from lib.zone_file import Entry, zone_file

labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
domains = st.lists(labels, min_size=1, max_size=4).map(".".join)


@given(domain=domains, label=labels, below=labels)
def test_a_wildcard_covers_one_label_and_neither_the_domain_nor_what_is_deeper(
    domain: str, label: str, below: str
) -> None:
    assert covers(f"*.{domain}", f"{label}.{domain}")
    assert not covers(f"*.{domain}", domain)
    assert not covers(f"*.{domain}", f"{below}.{label}.{domain}")
    assert not covers(f"*.{domain}", f"{label}x{domain}")


@given(first=domains, second=domains)
def test_without_a_wildcard_only_the_name_itself_is_covered_in_any_case_and_with_a_dot(first: str, second: str) -> None:
    assert covers(first.upper(), f"{first}.")
    assert covers(first, second) == (first == second)


@given(patterns=st.lists(domains), names=st.lists(domains).map(tuple))
def test_what_is_uncovered_is_what_no_pattern_covers_in_its_order(patterns: list[str], names: tuple[str, ...]) -> None:
    missing = uncovered(patterns, names)
    assert set(missing) == set(names) - set(patterns)
    assert uncovered([*patterns, *missing], names) == ()
    assert list(missing) == [name for name in names if name in missing]


@given(zone=domains, labels_=st.lists(labels, max_size=3))
def test_a_zone_holds_its_own_name_and_all_below_it(zone: str, labels_: list[str]) -> None:
    name = ".".join([*labels_, zone])
    assert in_zone(f"{zone}.", name.upper())
    assert not in_zone(f"x.{name}", name)
    assert not in_zone(zone, f"x{zone}")


@given(
    entries=st.lists(
        st.builds(Entry, name=labels.map("{}.ml.example.com".format), type=st.just("CNAME"), value=domains),
        unique_by=lambda entry: entry.name,
    ),
    why=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=20),
)
def test_a_zone_file_says_the_same_to_a_parser(entries: list[Entry], why: str) -> None:
    text = zone_file(Entry(name=each.name, type=each.type, value=each.value, why=why) for each in entries)
    zone = dns.zone.from_text(text, origin="example.com.", relativize=False, check_origin=False)
    parsed = {name.to_text(): str(rdata) for name, _, rdata in zone.iterate_rdatas("CNAME")}
    assert parsed == {f"{each.name}.": f"{each.value}." for each in entries}


PROOF = "_abc.mlflow.ml.example.com."
MLFLOW, SERVICE = "mlflow.ml.example.com", "service.ml.example.com"
API, PAGES = "d-1.execute-api.eu-west-1.amazonaws.com", "d1.cloudfront.net"


def resource(type_: str, *, external: bool = False, delete: bool = False, **outputs: Any) -> dict[str, Any]:
    return {"type": type_, "outputs": outputs, **({"external": True} if external else {}), "delete": delete}


def certificate(*names: str, **more: Any) -> dict[str, Any]:
    options = [
        {
            "domainName": name,
            "resourceRecordName": f"_abc.{name}.",
            "resourceRecordType": "CNAME",
            "resourceRecordValue": "_x.acm-validations.aws.",
        }
        for name in names
    ]
    return resource(
        "aws:acm/certificate:Certificate",
        domainName=names[0],
        subjectAlternativeNames=list(names),
        domainValidationOptions=options,
        **more,
    )


def served(**targets: str) -> dict[str, Any]:
    """The component with a target for each name in the domain."""
    named = {f"{label}.ml.example.com": target for label, target in targets.items()}
    return resource("mlplatform:domain:DnsEntries", MlflowRestApiARecord="in words", targets=named)


SERVED = [
    served(mlflow=API, service=PAGES),
    resource("aws:cloudfront/distribution:Distribution", aliases=None, domainName="d2.cloudfront.net"),
    {"type": "mlplatform:domain:Certificates"},
    {"type": "pulumi:providers:aws", "inputs": {}},
]


def lines(state: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one.entry.name, one.entry.value) for one in wanted(state)]


def test_while_up_waits_the_proofs_are_known_and_the_names_are_not_yet() -> None:
    waiting = [certificate(MLFLOW, SERVICE), {"type": "mlplatform:domain:DnsEntries"}]
    assert lines(waiting) == [(PROOF, "_x.acm-validations.aws."), (f"_abc.{SERVICE}.", "_x.acm-validations.aws.")]
    assert unknown(waiting) == [MLFLOW, SERVICE]
    assert lines([certificate(MLFLOW, SERVICE), *SERVED])[2:] == [(MLFLOW, API), (SERVICE, PAGES)]
    assert unknown([certificate(MLFLOW, SERVICE), *SERVED]) == []


def test_peoples_certificates_and_replaced_ones_ask_for_nothing() -> None:
    assert lines([certificate("*.ml.example.com", external=True), certificate(MLFLOW, delete=True)]) == []
    assert unknown([certificate("*.ml.example.com", external=True), certificate(MLFLOW, delete=True)]) == []


def test_what_the_stack_enters_itself_is_said() -> None:
    own = resource("aws:route53/record:Record", fqdn=MLFLOW)
    notes = {one.entry.name: one.entry.why for one in wanted([*SERVED, own])}
    assert "entered it into Route 53" in notes[MLFLOW]
    assert "entered it into Route 53" not in notes[SERVICE]


@dataclass
class Server:
    """A DNS server on this machine: what it knows by name and type."""

    address: str
    known: dict[tuple[str, str], list[str]] = field(default_factory=dict[tuple[str, str], list[str]])
    fails: bool = False

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        (question,) = query.question
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        if self.fails:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif not any(known == name for known, _ in self.known):
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif values := self.known.get((name, kind)):
            response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *values))
        return response


@pytest.fixture
def server() -> Iterator[Server]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        one = Server(f"127.0.0.1:{listener.getsockname()[1]}")

        def serve() -> None:
            while (received := listener.recvfrom(4096))[0]:
                listener.sendto(one.answer(dns.message.from_wire(received[0])).to_wire(), received[1])

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield one
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", listener.getsockname())
        thread.join()


Known = Mapping[tuple[str, str], list[str]]
ADDRESSES: Known = {(f"{API}.", "A"): ["192.0.2.1", "192.0.2.2"], (f"{API}.", "AAAA"): ["2001:db8::1"]}


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({(f"{MLFLOW}.", "CNAME"): [f"{API}."]}, None),
        ({(f"{MLFLOW}.", "CNAME"): [f"{API.upper()}."]}, None),
        ({(f"{MLFLOW}.", "CNAME"): ["a.example."], ("a.example.", "CNAME"): [f"{API}."]}, None),
        ({(f"{MLFLOW}.", "A"): ["192.0.2.2"]}, None),
        ({(f"{MLFLOW}.", "AAAA"): ["2001:db8::1"]}, None),
        ({}, "does not resolve yet"),
        ({(f"{MLFLOW}.", "TXT"): ["x"]}, "does not resolve yet"),
        ({(f"{MLFLOW}.", "A"): ["198.51.100.9"]}, "resolves to 198.51.100.9, and "),
        ({(f"{MLFLOW}.", "CNAME"): ["other.example."]}, "leads to other.example. and not to"),
        ({(f"{MLFLOW}.", "CNAME"): [f"{MLFLOW}."]}, "leads to"),
    ],
    ids=["CNAME", "case", "chain", "alias", "IPv6 alias", "none", "other type", "address", "elsewhere", "loop"],
)
def test_a_name_is_right_as_cname_or_alias_and_otherwise_says_what_is_wrong(
    server: Server, known: Known, words: str | None
) -> None:
    server.known = {**ADDRESSES, **known}
    (one,) = wanted([served(mlflow=API)])
    found = problem(one, resolver_at(server.address))
    assert found == words if words is None else words in str(found)


def test_a_proof_must_be_a_cname(server: Server) -> None:
    (one,) = wanted([certificate(MLFLOW)])
    server.known = {(PROOF, "A"): ["192.0.2.1"]}
    assert problem(one, resolver_at(server.address)) == "does not resolve yet"
    server.known = {(PROOF, "CNAME"): ["_x.acm-validations.aws."]}
    assert problem(one, resolver_at(server.address)) is None


def test_a_server_that_fails_is_no_proof_of_absence(server: Server) -> None:
    server.fails = True
    (one,) = wanted([served(mlflow=API)])
    assert "SERVFAIL" in str(problem(one, resolver_at(server.address)))


class Engine:
    """An engine that knows one state."""

    def __init__(self, state: list[dict[str, Any]]) -> None:
        self._state = state

    def state(self, _stack: str) -> list[dict[str, Any]]:
        return self._state


@pytest.fixture
def run(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[list[dict[str, Any]]], int]:
    def command(state: list[dict[str, Any]]) -> int:
        def found(_root: Path, _environment: Mapping[str, str]) -> Engine:
            return Engine(state)

        monkeypatch.setattr("cli.dns.find_engine", found)
        return commands.main(["dns", "--stack", "prod", "--resolver", server.address])

    return command


def test_make_dns_prints_a_zone_file_whose_comments_say_what_resolves(
    run: Callable[[list[dict[str, Any]]], int], server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    state = [certificate(MLFLOW), served(mlflow=API)]
    server.known = {(f"{MLFLOW}.", "CNAME"): [f"{API}."]}
    assert run(state) == 1
    printed = capsys.readouterr().out
    zone = dns.zone.from_text(printed, origin="example.com.", relativize=False, check_origin=False)
    assert {name.to_text() for name in zone.nodes} == {PROOF, f"{MLFLOW}."}
    assert f"; yes  {MLFLOW}.\n" in printed
    assert f"; no   {PROOF}: does not resolve yet\n" in printed
    server.known[(PROOF, "CNAME")] = ["_x.acm-validations.aws."]
    assert run(state) == 0
    assert run([certificate(MLFLOW)]) == 1
    assert f"; no   {MLFLOW}.: its target is known once" in capsys.readouterr().out


@pytest.mark.parametrize("entered", [False, True], ids=["manual", "Route 53"])
@pytest.mark.parametrize("created", [False, True], ids=["existing", "created"])
def test_make_dns_is_done_once_metaflows_names_lead_to_its_api_and_its_load_balancer(
    run: Callable[[list[dict[str, Any]]], int],
    server: Server,
    capsys: pytest.CaptureFixture[str],
    created: bool,
    entered: bool,
) -> None:
    targets = {"metaflow": API, "metaflowui": "metaflow-ui-1.eu-west-1.elb.amazonaws.com"}
    names = {f"{label}.ml.example.com": target for label, target in targets.items()}
    waiting = [certificate(*names) if created else certificate("*.ml.example.com", external=True)]
    assert run(waiting) == 1
    assert capsys.readouterr().out.count("its target is known once up is done") == (len(names) if created else 0)
    done = [*waiting, served(**targets)]
    if entered:
        done += [resource("aws:route53/record:Record", fqdn=name) for name in names]
    assert run(done) == 1
    printed = capsys.readouterr().out
    for name, target in names.items():
        assert f"{name}.\tIN\tCNAME\t{target}.\n" in printed
        assert f"; no   {name}.: does not resolve yet\n" in printed
        server.known[f"_abc.{name}.", "CNAME"] = ["_x.acm-validations.aws."]
        server.known[f"{target}.", "A"] = ["192.0.2.7"]
        server.known.update({(f"{name}.", "A"): ["192.0.2.7"]} if entered else {(f"{name}.", "CNAME"): [f"{target}."]})
    assert run(done) == 0


def test_make_dns_of_a_stack_without_a_domain_says_so(
    run: Callable[[list[dict[str, Any]]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([]) == 1
    assert "set mlplatform:domain.name" in capsys.readouterr().out
