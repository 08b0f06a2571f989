"""Clients and audits from npm, each case of each script in `node/` a test."""

import json
import re

import pytest

from tests.clients.running import NODE, cases_of, passes

AUDITS = (
    *("22EB", "4655", "47DE", "80D8", "82A3", "BF61", "78D5", "2C94", "5A70", "9C48", "9ABE", "03D4", "A5BF"),
    *("423L", "LKJ0", "LKJ1", "LKJ2", "LKJ3", "34A2", "13EE", "6C00", "6C01", "6C02", "6C03", "8161", "B8B3"),
    *("94B0", "0220", "94B1", "0221", "94B2", "0222", "4760", "4761", "4762", "4763", "2EA1", "28B9", "D6D5"),
    *("6A70", "58B0", "58B1", "58B2", "58B3", "428F", "1B7A", "B6DC", "BCF8", "B7N8", "8764", "3E3A", "572B"),
    *("FDE2", "7B9B", "865D", "556A", "D586", "51FE", "74FF", "5E5B", "86EE"),
)


# Without introspection a server cannot answer what they ask.
INTROSPECTING = {"2EA1", "28B9", "D6D5", "6A70"}
EXACT = re.compile(r"\d+\.\d+\.\d+")


def of(script: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases_of(script))


@pytest.mark.parametrize("audit", AUDITS)
def test_an_audit_of_graphql_over_http_passes(scripts, audit):
    """A60: graphql-http's server audits, on a development build."""
    passes(scripts, NODE / "audits.mjs", audit)


def test_all_audits_there_are_were_run(scripts):
    assert sorted(scripts.reports(NODE / "audits.mjs")) == sorted(AUDITS)
    assert len(AUDITS) == 61


def test_in_production_all_audits_pass_but_those_that_introspect(in_production):
    """A60, A64: a key that is no admin's, in live mode."""
    reports = in_production.reports(NODE / "audits.mjs")
    assert len(reports) == 61
    failed = {name: report.detail for name, report in reports.items() if not report.ok}
    assert failed.keys() == INTROSPECTING, failed


def test_the_packages_are_exact_and_name_no_registry():
    package = json.loads((NODE / "package.json").read_text())
    versions = [*package["devDependencies"].values(), *package["overrides"].values()]
    assert all(EXACT.fullmatch(version) for version in versions)
    locked = json.loads((NODE / "package-lock.json").read_text())["packages"]
    assert len(locked) > 100
    assert not [name for name, details in locked.items() if "resolved" in details]
    assert all("integrity" in details for name, details in locked.items() if name)


@of("graphql_ws.mjs")
def test_graphql_ws(scripts, case):
    """A55, A51."""
    passes(scripts, NODE / "graphql_ws.mjs", case)


@of("apollo.mjs")
def test_apollo_client(scripts, case):
    """A60, A62."""
    passes(scripts, NODE / "apollo.mjs", case)


@of("urql.mjs")
def test_urql(scripts, case):
    """A60, A62."""
    passes(scripts, NODE / "urql.mjs", case)


@of("streams.mjs")
def test_streams_over_http(scripts, case):
    """A60."""
    passes(scripts, NODE / "streams.mjs", case)
