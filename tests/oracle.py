"""What wallets should do, said a second time and as plainly as possible: ints in dicts, no database.

It shares no line with the engine, so an error has to be made twice, in two ways, to go unseen.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

FAR = datetime(9999, 1, 1).astimezone()


class Short(Exception):
    """The wallet holds less than was asked for."""


@dataclass
class Lot:
    left: int
    brought: int
    promotional: bool
    expires: datetime | None
    born: tuple[datetime, int]
    swept: bool = False

    def live(self, now: datetime) -> bool:
        return self.expires is None or now < self.expires

    def turn(self) -> tuple[Any, ...]:
        return (self.expires or FAR, not self.promotional, self.born)


@dataclass
class Purse:
    """One wallet: lots by id, the signed amounts of its entries, and what alerts it should have sent."""

    threshold: int | None = None
    armed: bool = True
    lots: dict[str, Lot] = field(default_factory=dict)
    entries: list[int] = field(default_factory=list)
    lows: list[int] = field(default_factory=list)
    last_at: datetime | None = None
    grace: timedelta = timedelta(days=7)

    def set_threshold(self, threshold: int | None, now: datetime) -> None:
        self.threshold, self.armed = threshold, True
        self.last_at = max(now, self.last_at or now)

    def can_spend(self, now: datetime) -> int:
        return sum(lot.left for lot in self.lots.values() if lot.live(now))

    def stored(self) -> int:
        return sum(self.entries)

    def sweep(self, now: datetime) -> None:
        gone = [lot for lot in self.lots.values() if lot.left and not lot.live(now)]
        for lot in sorted(gone, key=Lot.turn):
            amount, lot.left, lot.swept = lot.left, 0, True
            self.enter(-amount, now)

    def credit(
        self, lot_id: str, amount: int, promotional: bool, expires: datetime | None, now: datetime
    ) -> None:
        self.sweep(now)
        self.enter(amount, now)
        born = (self.last_at or now, len(self.lots))
        self.lots[lot_id] = Lot(amount, amount, promotional, expires, born)

    def debit(self, amount: int, now: datetime) -> dict[str, int]:
        """Take an amount in the order of W70; answers how much came from which lot."""
        if amount > self.can_spend(now):
            raise Short
        self.sweep(now)
        taken, missing = {}, amount
        for lot_id, lot in sorted(self.lots.items(), key=lambda item: item[1].turn()):
            part = min(lot.left, missing) if lot.live(now) else 0
            if part:
                lot.left -= part
                missing -= part
                taken[lot_id] = part
        assert missing == 0
        self.enter(-amount, now)
        return taken

    def give_back(self, parts: dict[str, int], now: datetime) -> int:
        """Return money to its lots; answers how many of them had expired meanwhile (W77)."""
        self.sweep(now)
        revived = 0
        for lot_id, amount in parts.items():
            lot = self.lots[lot_id]
            if not lot.live(now):
                lot.expires = now + self.grace
                revived += 1
            lot.left += amount
            lot.swept = False
        self.enter(sum(parts.values()), now)
        return revived

    def enter(self, signed: int, now: datetime) -> None:
        self.last_at = max(now, self.last_at or now)
        self.entries.append(signed)
        balance = self.stored()
        if self.threshold is None or balance >= self.threshold:
            self.armed = True
        elif signed < 0 and self.armed:
            self.armed = False
            self.lows.append(balance)
