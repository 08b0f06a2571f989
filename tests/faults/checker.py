"""Compares what clients know with what the gateway holds, and names every difference.

It shares nothing with the gateway: no code, no database, only what was read back through the public contract. Each
rule stands alone; `test_checker.py` sabotages a sound world once for each and sees that it is noticed.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.faults.journal import (
    Acked,
    Entry,
    Intent,
    Journal,
    NeverSent,
    Outcome,
    Refused,
    Resolution,
    unclassified,
)

WalletKey = tuple[str, str]
KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """An event as the log shows it; `entry_id` and `entry_sequence` are those of a `wallet.balance_changed`."""

    id: str
    type: str
    order_key: str
    sequence: int
    entry_id: str | None
    wallet: WalletKey | None
    entry_sequence: int | None
    balance_minor: int | None

    @property
    def tells(self) -> tuple[WalletKey | None, int | None, int | None]:
        return self.wallet, self.entry_sequence, self.balance_minor


@dataclass(frozen=True, slots=True)
class Held:
    """All that was read back: entries of each customer oldest first, events in the order of the log."""

    entries: list[Entry]
    events: list[SeenEvent]
    balances: Mapping[WalletKey, int]
    trial_minor: Mapping[str, int]
    """Per currency, the sum of all accounts of the trial balance: always 0."""
    trial_wallets_minor: Mapping[str, int]
    """Per currency, what the trial balance says all wallets hold."""
    sound_chains: Mapping[WalletKey, bool]


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    kind: str
    what: str


def check(journal: Journal, held: Held) -> list[Violation]:
    """Every violation; none means that the run passed."""
    return [Violation(kind, what) for kind, rule in RULES.items() for what in rule(journal, held)]


def _lost(journal: Journal, held: Held) -> Iterable[str]:
    """An acknowledged entry is there (invariant 6)."""
    there = {entry.id for entry in held.entries}
    return (f"{acked.entry}" for _, acked in journal.acked if acked.entry.id not in there)


def _torn(journal: Journal, held: Held) -> Iterable[str]:
    """An acknowledged entry is there exactly as it was acknowledged, every time (invariants 4, 8)."""
    there = {entry.id: entry for entry in held.entries}
    for _, acked in journal.acked:
        found = there.get(acked.entry.id, acked.entry)
        if found != acked.entry:
            yield f"acknowledged {acked.entry}, found {found}"


def _double(journal: Journal, held: Held) -> Iterable[str]:
    """A key posts at most once, for ever (invariant 4)."""
    counts = Counter((entry.customer_id, entry.key) for entry in held.entries)
    yield from (f"{key}: {count} entries" for key, count in counts.items() if count > 1)
    effects = Counter((a.post.customer_id, a.post.key) for a, acked in journal.acked if not acked.replayed)
    yield from (f"{key}: acknowledged as new {count} times" for key, count in effects.items() if count > 1)


def _ghost(journal: Journal, held: Held) -> Iterable[str]:
    """Every entry is one that somebody asked for."""
    asked = journal.by_key()
    for entry in held.entries:
        attempts = asked.get((entry.customer_id, entry.key or ""), [])
        if not any(entry.is_of(attempt.post) for attempt in attempts):
            yield f"nobody asked for {entry}"


def _refused_but_done(journal: Journal, held: Held) -> Iterable[str]:
    """A definite refusal was never committed (invariant 5); a repeat of it may have been, and was then answered."""
    done = {(entry.customer_id, entry.key): entry for entry in held.entries}
    for key, attempts in journal.by_key().items():
        entry = done.get(key)
        same = [a for a in attempts if entry is not None and entry.is_of(a.post)]
        if same and not any(isinstance(a.outcome, Acked) for a in same):
            definite = [a.outcome for a in same if isinstance(a.outcome, (Refused, NeverSent))]
            if len(definite) == len(same):
                yield f"{entry} exists, though it was refused: {definite}"


def _resolution(journal: Journal, held: Held) -> Iterable[str]:
    """Every unknown outcome is found out: `operation` says what the repeat with the same key says (A31, A32)."""
    yield from (f"never resolved: {posts}" for posts in journal.unresolved())
    attempts = journal.by_key()
    for resolution in journal.resolutions:
        repeats = [a for a in attempts[resolution.customer_id, resolution.key] if a.intent is Intent.RESOLVE]
        if not _agree(resolution, [a.outcome for a in repeats]):
            yield f"{resolution}, but repeated it was {repeats}"


def _agree(resolution: Resolution, repeats: Sequence[Outcome]) -> bool:
    acks = [outcome for outcome in repeats if isinstance(outcome, Acked)]
    reused = any(isinstance(outcome, Refused) and outcome.code == KEY_REUSED for outcome in repeats)
    if resolution.entry_id is not None:
        return [(ack.entry.id, ack.replayed) for ack in acks] == [(resolution.entry_id, True)]
    # It never happened, so the first of the repeats may do it now; a second can only be of other content.
    return len(acks) <= 1 and not any(ack.replayed for ack in acks) and (not reused or len(acks) == 1)


def _balance(journal: Journal, held: Held) -> Iterable[str]:
    """A wallet holds the sum of its entries, and that is what clients were told (invariants 1, 2)."""
    from_entries: Counter[WalletKey] = Counter()
    for entry in held.entries:
        from_entries[entry.wallet] += entry.signed_minor
    from_answers: Counter[WalletKey] = Counter()
    for entry in {acked.entry.id: acked.entry for _, acked in journal.acked}.values():
        from_answers[entry.wallet] += entry.signed_minor
    for wallet, balance in held.balances.items():
        if not balance == from_entries[wallet] == from_answers[wallet]:
            yield f"{wallet}: {balance}, entries {from_entries[wallet]}, answers {from_answers[wallet]}"


def _chain(journal: Journal, held: Held) -> Iterable[str]:
    """Entries of a wallet are numbered from 1 without a gap, each goes on where the last ended (W10-W13)."""
    for wallet, entries in _by_wallet(held.entries).items():
        before = 0
        for number, entry in enumerate(entries, start=1):
            sound = entry.before_minor == before and entry.after_minor == before + entry.signed_minor >= 0
            if entry.sequence != number or not sound or entry.amount_minor <= 0:
                yield f"{wallet}: entry {number} after {before} is {entry}"
            before = entry.after_minor
    yield from (f"{wallet}: ledgerVerify says no" for wallet, sound in held.sound_chains.items() if not sound)


def _order(journal: Journal, held: Held) -> Iterable[str]:
    """Acknowledged before another was sent means an earlier number in the wallet (invariant 7)."""
    first_sent: dict[str, float] = {}
    first_acked: dict[str, float] = {}
    attempts = journal.by_key()
    for attempt, acked in journal.acked:
        key = (attempt.post.customer_id, attempt.post.key)
        first_sent[acked.entry.id] = min(a.sent_at for a in attempts[key])
        known = first_acked.get(acked.entry.id, attempt.answered_at)
        first_acked[acked.entry.id] = min(known, attempt.answered_at)
    for wallet, entries in _by_wallet(held.entries).items():
        latest_sent = 0.0
        for entry in entries:
            if first_acked.get(entry.id, latest_sent) < latest_sent:
                yield f"{wallet}: {entry} was acknowledged before an entry with a lower number was sent"
            latest_sent = max(latest_sent, first_sent.get(entry.id, 0.0))


def _reads(journal: Journal, held: Held) -> Iterable[str]:
    """A read after an acknowledgement includes it, and shows a balance that the wallet had (invariant 7)."""
    after = {(entry.wallet, entry.sequence): entry.after_minor for entry in held.entries}
    acked_by_wallet: dict[WalletKey, list[tuple[float, int]]] = defaultdict(list)
    for attempt, acked in journal.acked:
        acked_by_wallet[acked.entry.wallet].append((attempt.answered_at, acked.entry.sequence))
    for read in journal.reads:
        least = max((n for at, n in acked_by_wallet[read.wallet] if at < read.sent_at), default=0)
        balance = after.get((read.wallet, read.sequence), 0 if read.sequence == 0 else None)
        if read.sequence < least or read.balance_minor != balance:
            yield f"{read}: entry {least} was acknowledged before; after {read.sequence} it held {balance}"


def _shortfalls(journal: Journal, held: Held) -> Iterable[str]:
    """A wallet that was called short did hold what the refusal says, at some time (W22)."""
    ever: dict[WalletKey, set[int]] = defaultdict(lambda: {0})
    for entry in held.entries:
        ever[entry.wallet].add(entry.after_minor)
    for attempt in journal.attempts:
        refused = attempt.outcome
        told = refused.balance_minor if isinstance(refused, Refused) else None
        if told is not None and told not in ever[attempt.post.wallet]:
            yield f"{attempt.post.wallet} never held {told}"


def _events(journal: Journal, held: Held) -> Iterable[str]:
    """Gapless per customer, and exactly one event for each entry, in the order of the ledger (invariant 9)."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for event in held.events:
        numbers[event.order_key].append(event.sequence)
    for order_key, found in numbers.items():
        if found != list(range(1, len(found) + 1)):
            yield f"{order_key}: the log has {_first_gap(found)}"
    changes = [event for event in held.events if event.type == "wallet.balance_changed"]
    told = Counter(event.entry_id for event in changes)
    yield from (f"{told[e.id]} events for {e}" for e in held.entries if told[e.id] != 1)
    yield from (f"an event for an entry that is not there: {e}" for e in told.keys() - _ids(held.entries))
    entries = {entry.id: entry for entry in held.entries}
    for event in changes:
        entry = entries.get(event.entry_id or "")
        if entry is not None and event.tells != (entry.wallet, entry.sequence, entry.after_minor):
            yield f"{event} does not tell of {entry}"


def _events_in_order(journal: Journal, held: Held) -> Iterable[str]:
    """The events of a wallet come in the order of its entries (W85)."""
    last: dict[WalletKey, int] = defaultdict(int)
    for event in held.events:
        if event.wallet is not None and event.entry_sequence is not None:
            if event.entry_sequence <= last[event.wallet]:
                yield f"{event} comes after entry {last[event.wallet]}"
            last[event.wallet] = event.entry_sequence


def _trial(journal: Journal, held: Held) -> Iterable[str]:
    """All accounts of a currency add up to 0, and its wallets to what their entries say (ruling 11)."""
    yield from (f"{currency}: {total}" for currency, total in held.trial_minor.items() if total)
    sums: Counter[str] = Counter()
    for entry in held.entries:
        sums[entry.currency] += entry.signed_minor
    for currency, told in held.trial_wallets_minor.items():
        if told != sums[currency]:
            yield f"{currency}: the trial balance says wallets hold {told}, their entries {sums[currency]}"


def _unclassified(journal: Journal, held: Held) -> Iterable[str]:
    """Every answer is one that its request may get (invariant 5)."""
    return unclassified(journal.attempts)


RULES: Mapping[str, Callable[[Journal, Held], Iterable[str]]] = {
    "LOST": _lost,
    "TORN": _torn,
    "DOUBLE": _double,
    "GHOST": _ghost,
    "REFUSED BUT DONE": _refused_but_done,
    "UNRESOLVED": _resolution,
    "BALANCE": _balance,
    "CHAIN": _chain,
    "ORDER": _order,
    "STALE READ": _reads,
    "SHORTFALL": _shortfalls,
    "EVENTS": _events,
    "EVENT ORDER": _events_in_order,
    "TRIAL BALANCE": _trial,
    "UNCLASSIFIED": _unclassified,
}


def _by_wallet(entries: Iterable[Entry]) -> Mapping[WalletKey, list[Entry]]:
    found: dict[WalletKey, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: entry.sequence):
        found[entry.wallet].append(entry)
    return found


def _ids(entries: Iterable[Entry]) -> set[str]:
    return {entry.id for entry in entries}


def _first_gap(found: list[int]) -> str:
    if found[0] != 1:
        return f"{found[0]} first"
    return next(f"{after} after {before}" for before, after in pairwise(found) if after != before + 1)
