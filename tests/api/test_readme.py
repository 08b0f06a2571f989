"""The README's first minute, played as it is printed: a newcomer who pastes it gets the answers that it shows."""

import json
import re
from pathlib import Path

import graphql

from schema import schema

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
SHOWN_ID = "cus_01M7XW44P82DKY81PZ8W1CP28W"
STEP = re.compile(r"```bash\nask '(.*?)'\n```\n\n```json\n(.*?)```", re.DOTALL)


async def test_the_first_minute_answers_as_it_is_printed(client):
    steps = STEP.findall(README)
    assert len(steps) == 3
    customer_id = SHOWN_ID
    for query, printed in steps:
        data = await client.execute(query.replace(SHOWN_ID, customer_id))
        if created := data.get("customerCreate"):
            customer_id = created["customer"]["id"]
        assert {"data": data} == json.loads(printed.replace(SHOWN_ID, customer_id))


async def test_sent_again_it_says_that_it_is_replayed(client):
    """W31: as the README promises of the second step."""
    (create, _), (credit, _), _ = STEP.findall(README)
    customer_id = (await client.execute(create))["customerCreate"]["customer"]["id"]
    answers = [await client.execute(credit.replace(SHOWN_ID, customer_id)) for _ in range(2)]
    assert [answer["ledgerEntryCreate"]["replayed"] for answer in answers] == [False, True]


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
