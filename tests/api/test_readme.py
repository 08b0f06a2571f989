"""The README's first minute, played as it is printed: a newcomer who pastes it gets the answers that it shows."""

import json
import re
from pathlib import Path

import graphql

from schema import schema

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
SHOWN = re.compile(r"\b(?:cus|pay)_01[0-9A-Z]{24}\b")
STEP = re.compile(r"```bash\nask '(.*?)'\n```\n\n```json\n(.*?)```", re.DOTALL)


async def test_every_step_answers_as_it_is_printed(client):
    """The first minute, and taking a payment: one story, in which the ids alone are others each time."""
    steps = STEP.findall(README)
    assert len(steps) == 7
    ids: dict[str, str] = {}
    for query, printed in steps:
        answer = {"data": await client.execute(_with(ids, query))}
        ids |= dict(zip(SHOWN.findall(printed), SHOWN.findall(json.dumps(answer)), strict=True))
        assert answer == json.loads(_with(ids, printed))


async def test_sent_again_it_says_that_it_is_replayed(client):
    """W31: as the README promises of the second step."""
    (create, printed), (credit, _), *_ = STEP.findall(README)
    created = (await client.execute(create))["customerCreate"]["customer"]["id"]
    ids = dict.fromkeys(SHOWN.findall(printed), created)
    answers = [await client.execute(_with(ids, credit)) for _ in range(2)]
    assert [answer["ledgerEntryCreate"]["replayed"] for answer in answers] == [False, True]


async def test_the_checkout_that_is_shown_has_a_page(client):
    (query,) = re.findall(r"ask '(mutation \{ checkoutSessionCreate.*?)'\n```", README, re.DOTALL)
    (create, printed), *_ = STEP.findall(README)
    created = (await client.execute(create))["customerCreate"]["customer"]["id"]
    ids = dict.fromkeys(SHOWN.findall(printed), created)
    made = (await client.execute(_with(ids, query)))["checkoutSessionCreate"]
    assert made["errors"] == []
    assert "/checkout/" in made["checkoutUrl"]


def _with(ids: dict[str, str], text: str) -> str:
    return SHOWN.sub(lambda shown: ids.get(shown[0], shown[0]), text)


def test_every_subscription_that_is_shown_is_one():
    """They are shown as documents, and once inside a message, with their quotes escaped."""
    shown = [
        document.replace('\\"', '"')
        for document in re.findall(r"subscription \{.*?\} \}(?= \}|\n)", README, re.DOTALL)
    ]
    assert len(shown) == 2
    known = graphql.build_schema(schema.as_str())
    for document in shown:
        balanced = document + " }" * (document.count("{") - document.count("}"))
        assert graphql.validate(known, graphql.parse(balanced)) == []
