"""Clients and audits from npm, each case of each script in `node/` a test."""

import pytest

from tests.clients.running import NODE, cases_of, passes

AUDITS = (
    *("22EB", "4655", "47DE", "80D8", "82A3", "BF61", "78D5", "2C94", "5A70", "9C48", "9ABE", "03D4", "A5BF"),
    *("423L", "LKJ0", "LKJ1", "LKJ2", "LKJ3", "34A2", "13EE", "6C00", "6C01", "6C02", "6C03", "8161", "B8B3"),
    *("94B0", "0220", "94B1", "0221", "94B2", "0222", "4760", "4761", "4762", "4763", "2EA1", "28B9", "D6D5"),
    *("6A70", "58B0", "58B1", "58B2", "58B3", "428F", "1B7A", "B6DC", "BCF8", "B7N8", "8764", "3E3A", "572B"),
    *("FDE2", "7B9B", "865D", "556A", "D586", "51FE", "74FF", "5E5B", "86EE"),
)


def of(script: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases_of(script))


@pytest.mark.parametrize("audit", AUDITS)
def test_an_audit_of_graphql_over_http_passes(scripts, audit):
    """A60: graphql-http's server audits, on a development build."""
    passes(scripts, NODE / "audits.mjs", audit)


def test_all_audits_there_are_were_run(scripts):
    assert sorted(scripts.reports(NODE / "audits.mjs")) == sorted(AUDITS)
    assert len(AUDITS) == 61


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
