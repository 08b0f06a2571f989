"""A checker that cannot fail proves nothing: every rule is sabotaged once and must notice."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.checker import RULES, Held, SeenEvent, check
from tests.faults.contract import judge
from tests.faults.journal import (
    Acked,
    Attempt,
    Entry,
    Intent,
    Journal,
    NeverSent,
    Outcome,
    Post,
    Read,
    Refused,
    Resolution,
    Unclassified,
    Unknown,
)

pytestmark = pytest.mark.either_engine

AIKO = "cus_aiko"
WALLET = (AIKO, "USD")
World = tuple[Journal, Held]


def an_entry(number: int, amount_minor: int, before_minor: int) -> Entry:
    after_minor = before_minor + amount_minor
    return Entry(
        id=f"cwt_{number}",
        customer_id=AIKO,
        currency="USD",
        sequence=number,
        is_credit=amount_minor > 0,
        amount_minor=abs(amount_minor),
        before_minor=before_minor,
        after_minor=after_minor,
        key=f"key-{number}",
    )


def a_post(entry: Entry) -> Post:
    return Post(AIKO, entry.currency, entry.is_credit, entry.amount_minor, entry.key or "")


def an_event(number: int, entry: Entry | None = None) -> SeenEvent:
    if entry is None:
        return SeenEvent(f"evt_{number}", "customer.created", AIKO, number, None, None, None, None)
    told = (entry.id, entry.wallet, entry.sequence, entry.after_minor)
    return SeenEvent(f"evt_{number}", "wallet.balance_changed", AIKO, number, *told)


def a_sound_world() -> World:
    """+500, −200, +50: acknowledged one after the other, the second after an answer that got lost."""
    entries = [an_entry(1, 500, 0), an_entry(2, -200, 500), an_entry(3, 50, 300)]
    first, second, third = entries
    debit = a_post(second)
    attempts = [
        Attempt(a_post(first), Intent.FRESH, 1.0, 2.0, Acked(first, replayed=False)),
        Attempt(a_post(first), Intent.REPEAT, 2.5, 2.6, Acked(first, replayed=True)),
        Attempt(debit, Intent.FRESH, 3.0, 4.0, Unknown("the connection was closed")),
        Attempt(debit, Intent.RESOLVE, 5.0, 6.0, Acked(second, replayed=True)),
        Attempt(a_post(third), Intent.FRESH, 7.0, 8.0, Acked(third, replayed=False)),
        Attempt(Post(*WALLET, False, 900, "key-4"), Intent.FRESH, 9.0, 9.1, Refused("SHORT", 350)),
        Attempt(Post(*WALLET, False, 1, "key-5"), Intent.FRESH, 9.2, 9.3, NeverSent()),
    ]
    reads = [Read(WALLET, 0.1, 0.2, 0, 0), Read(WALLET, 8.5, 8.6, 3, 350)]
    journal = Journal(attempts, reads, [Resolution(AIKO, "key-2", "cwt_2")])
    changes = [an_event(number, entry) for number, entry in enumerate(entries, start=2)]
    held = Held(entries, [an_event(1), *changes], {WALLET: 350}, {"USD": 0}, {"USD": 350}, {WALLET: True})
    return journal, held


def held_with(world: World, **changes: object) -> World:
    journal, held = world
    return journal, replace(held, **changes)  # type: ignore[arg-type]


def journal_with(world: World, index: int, outcome: Outcome) -> World:
    journal, held = world
    journal.attempts[index] = replace(journal.attempts[index], outcome=outcome)
    return journal, held


def an_acked_entry_is_gone(world: World) -> World:
    return held_with(world, entries=world[1].entries[:-1])


def an_entry_has_another_amount(world: World) -> World:
    first, *rest = world[1].entries
    return held_with(world, entries=[replace(first, amount_minor=501), *rest])


def a_key_posted_twice(world: World) -> World:
    again = replace(an_entry(4, 50, 350), key="key-3")
    return held_with(world, entries=[*world[1].entries, again])


def a_repeat_was_new(world: World) -> World:
    return journal_with(world, 1, Acked(world[1].entries[0], replayed=False))


def an_entry_nobody_asked_for(world: World) -> World:
    return held_with(world, entries=[*world[1].entries, an_entry(9, 5, 350)])


def a_refused_post_was_done(world: World) -> World:
    return journal_with(world, 4, Refused("SERVICE_UNAVAILABLE"))


def a_post_that_was_never_sent_was_done(world: World) -> World:
    return journal_with(world, 4, NeverSent())


def an_unknown_was_never_resolved(world: World) -> World:
    return journal_with(world, 3, Unknown("again"))


def operation_denied_what_was_done(world: World) -> World:
    journal, held = world
    journal.resolutions[0] = Resolution(AIKO, "key-2", None)
    return journal, held


def operation_named_another_entry(world: World) -> World:
    journal, held = world
    journal.resolutions[0] = Resolution(AIKO, "key-2", "cwt_1")
    return journal, held


def an_acked_record_is_dropped(world: World) -> World:
    del world[0].attempts[4]
    return world


def a_balance_is_off_by_one(world: World) -> World:
    return held_with(world, balances={WALLET: 351})


def a_number_is_missing(world: World) -> World:
    *rest, last = world[1].entries
    return held_with(world, entries=[*rest, replace(last, sequence=4)])


def an_entry_starts_elsewhere(world: World) -> World:
    first, second, third = world[1].entries
    return held_with(world, entries=[first, replace(second, before_minor=501, after_minor=301), third])


def a_chain_is_broken(world: World) -> World:
    return held_with(world, sound_chains={WALLET: False})


def a_later_post_got_an_earlier_number(world: World) -> World:
    journal, held = world
    first = journal.attempts[0]
    journal.attempts[0] = replace(first, sent_at=10.0, answered_at=11.0)
    journal.attempts[1] = replace(journal.attempts[1], sent_at=12.0, answered_at=13.0)
    return journal, held


def a_read_misses_what_was_acked(world: World) -> World:
    journal, held = world
    journal.reads.append(Read(WALLET, 8.5, 8.6, 2, 300))
    return journal, held


def a_read_shows_a_balance_that_never_was(world: World) -> World:
    journal, held = world
    journal.reads.append(Read(WALLET, 2.1, 2.2, 1, 499))
    return journal, held


def a_refusal_names_a_balance_that_never_was(world: World) -> World:
    return journal_with(world, 5, Refused("SHORT", 777))


def an_event_is_missing(world: World) -> World:
    return held_with(world, events=world[1].events[:-1])


def an_event_is_there_twice(world: World) -> World:
    events = world[1].events
    return held_with(world, events=[*events, replace(events[-1], id="evt_9", sequence=5)])


def the_log_has_a_gap(world: World) -> World:
    *rest, last = world[1].events
    return held_with(world, events=[*rest, replace(last, sequence=6)])


def an_event_tells_of_another_balance(world: World) -> World:
    *rest, last = world[1].events
    return held_with(world, events=[*rest, replace(last, balance_minor=1)])


def events_of_a_wallet_are_swapped(world: World) -> World:
    created, first, second, third = world[1].events
    swapped = [created, replace(second, sequence=2), replace(first, sequence=3), third]
    return held_with(world, events=swapped)


def the_accounts_do_not_add_up(world: World) -> World:
    return held_with(world, trial_minor={"USD": 1})


def the_trial_balance_forgets_money(world: World) -> World:
    return held_with(world, trial_wallets_minor={"USD": 0})


def an_answer_fits_nowhere(world: World) -> World:
    return journal_with(world, 5, Unclassified("500 Internal Server Error"))


SABOTAGE: dict[Callable[[World], World], str] = {
    an_acked_entry_is_gone: "LOST",
    an_entry_has_another_amount: "TORN",
    a_key_posted_twice: "DOUBLE",
    a_repeat_was_new: "DOUBLE",
    an_entry_nobody_asked_for: "GHOST",
    a_refused_post_was_done: "REFUSED BUT DONE",
    a_post_that_was_never_sent_was_done: "REFUSED BUT DONE",
    an_unknown_was_never_resolved: "UNRESOLVED",
    operation_denied_what_was_done: "UNRESOLVED",
    operation_named_another_entry: "UNRESOLVED",
    an_acked_record_is_dropped: "GHOST",
    a_balance_is_off_by_one: "BALANCE",
    a_number_is_missing: "CHAIN",
    an_entry_starts_elsewhere: "CHAIN",
    a_chain_is_broken: "CHAIN",
    a_later_post_got_an_earlier_number: "ORDER",
    a_read_misses_what_was_acked: "STALE READ",
    a_read_shows_a_balance_that_never_was: "STALE READ",
    a_refusal_names_a_balance_that_never_was: "SHORTFALL",
    an_event_is_missing: "EVENTS",
    an_event_is_there_twice: "EVENTS",
    the_log_has_a_gap: "EVENTS",
    an_event_tells_of_another_balance: "EVENTS",
    events_of_a_wallet_are_swapped: "EVENT ORDER",
    the_accounts_do_not_add_up: "TRIAL BALANCE",
    the_trial_balance_forgets_money: "TRIAL BALANCE",
    an_answer_fits_nowhere: "UNCLASSIFIED",
}


def test_a_sound_world_passes():
    assert check(*a_sound_world()) == []


@pytest.mark.parametrize(("sabotage", "kind"), SABOTAGE.items(), ids=lambda p: getattr(p, "__name__", None))
def test_sabotage_is_noticed(sabotage: Callable[[World], World], kind: str):
    found = {violation.kind for violation in check(*sabotage(a_sound_world()))}
    assert kind in found


def test_every_rule_is_sabotaged():
    assert set(SABOTAGE.values()) == RULES.keys()


POST = Post(*WALLET, is_credit=False, amount_minor=900, key="key-4")


def a_refusal(code: str, movement: str = "NONE", **more: object) -> dict[str, object]:
    error = {"code": code, "message": "no", "moneyMovement": movement, **more}
    return {"data": {"ledgerEntryCreate": {"ledgerEntry": None, "replayed": False, "errors": [error]}}}


def short(balance: int, requested: int, shortfall: int) -> dict[str, object]:
    return a_refusal(
        "INSUFFICIENT_WALLET_FUNDS",
        balance={"amount": balance},
        requested={"amount": requested},
        shortfall={"amount": shortfall},
    )


@pytest.mark.parametrize(
    ("intent", "status", "body", "kind"),
    [
        (Intent.FRESH, 200, short(350, 900, 550), Refused),
        (Intent.FRESH, 200, short(350, 900, 551), Unclassified),  # the numbers do not add up
        (Intent.FRESH, 200, short(350, 800, 450), Unclassified),  # another amount than was asked for
        (Intent.REPEAT, 200, short(350, 900, 550), Unclassified),  # W35: a key that posted is never short
        (Intent.REUSE, 200, a_refusal("IDEMPOTENCY_KEY_REUSED"), Refused),
        (Intent.FRESH, 200, a_refusal("IDEMPOTENCY_KEY_REUSED"), Unclassified),  # its key is new
        (Intent.FRESH, 200, a_refusal("SERVICE_UNAVAILABLE"), Refused),
        (Intent.FRESH, 200, a_refusal("SERVICE_UNAVAILABLE", "UNKNOWN"), Unclassified),
        (Intent.FRESH, 200, a_refusal("OUTCOME_UNKNOWN", "UNKNOWN"), Unknown),
        (Intent.FRESH, 200, a_refusal("OUTCOME_UNKNOWN"), Unclassified),
        (Intent.FRESH, 200, a_refusal("SOMETHING_NEW"), Unclassified),
        (Intent.FRESH, 200, {"errors": [{"message": "could not serialize access"}]}, Unclassified),
        (Intent.FRESH, 500, "Internal Server Error", Unclassified),
        (Intent.FRESH, 200, {"data": None}, Unclassified),
    ],
)
def test_an_answer_is_judged_by_what_was_asked(intent: Intent, status: int, body: object, kind: type):
    assert isinstance(judge(POST, intent, status, body), kind)
