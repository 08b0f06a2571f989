"""What somebody has entered on the page: looked at here, and of a card nothing is left afterwards (PM84, SR90)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saifu import fields
from saifu.processors.simulator.tokens import CardDetails
from saifu.refusals import Refusal
from saifu.sources.asked import NewMandate, NewSource
from saifu.sources.kinds import SourceType

from .attempts import Choice
from .orders import CARD, SEPA_DEBIT, Payer
from .rows import Purpose
from .standing import Standing
from .view import Entered

_EXPIRY = re.compile(r"\s*(\d{1,2})\s*/?\s*(\d{2}|\d{4})\s*", re.ASCII)
_NOT_DIGITS = re.compile(r"[\s-]")
_SHOWN_AGAIN = ("method", "use_balance", "keep", "email", "account_name")
_LONGEST_EVIDENCE = 500
_MOST_DIGITS = 9


class Mistaken(Exception):
    """Something in the form cannot be taken; `errors` are keys of texts, by field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(sorted(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was sent, for a session as it stands."""

    given: Mapping[str, str]
    standing: Standing
    test_mode: bool

    @property
    def covered(self) -> bool:
        """Whether the balance pays all, so that nothing else was asked for."""
        split = self.standing.split
        return self.uses_balance and split is not None and not split.source_minor

    @property
    def uses_balance(self) -> bool:
        return self.given.get("use_balance") == "yes" and self.standing.split is not None

    @property
    def method(self) -> str:
        """`card`, `sepa_debit`, or the id of a saved source that this customer has; nothing else is taken."""
        wanted = self.given.get("method", "")
        known = {CARD, SEPA_DEBIT, *(source.id for source in self.standing.saved)}
        return wanted if wanted in known else ""

    @property
    def token(self) -> str | None:
        """What a script has made of a card, in place of the card."""
        return self.given.get("token") or None

    def choice(self) -> Choice:
        """What was confirmed.

        Raises:
            Mistaken: the e-mail address of somebody unknown, or no way to pay.
        """
        if not self.covered and not self.method:
            raise Mistaken({})
        saved = self.method if self.method.startswith("src_") and not self.covered else None
        shown = self.given.get("shown_with_balance" if self.uses_balance else "shown", "")
        return Choice(
            attempt=_number(self.given.get("attempt", "")) or 0,
            source_id=saved,
            use_wallet=self.uses_balance,
            shown_minor=_number(shown),
            keep=self.given.get("keep") == "yes",
            payer=self._payer(),
        )

    def card(self, asks_name: bool) -> CardDetails:
        """The card as it was typed, for the simulator alone: whatever takes it forgets it.

        Raises:
            Mistaken: a field is empty, or is no date.
        """
        names = ("card_number", "card_expiry", "card_cvc", *(("card_name",) if asks_name else ()))
        errors = {name: "error_required" for name in names if not self.given.get(name, "").strip()}
        date = _EXPIRY.fullmatch(self.given.get("card_expiry", ""))
        if date is None:
            errors.setdefault("card_expiry", "error_expiry")
        if errors or date is None:
            raise Mistaken(errors)
        return CardDetails(
            number=_NOT_DIGITS.sub("", self.given["card_number"]),
            exp_month=int(date[1]),
            exp_year=int(date[2]),
            cvc=self.given["card_cvc"].strip(),
            name=self.given.get("card_name") or None,
        )

    def account(self, ip: str | None, user_agent: str | None) -> NewSource:
        """An account and the mandate to debit it, given here and now (SR80).

        Raises:
            Mistaken: a field is empty.
        """
        errors = {
            name: "error_required"
            for name in ("iban", "account_name")
            if not self.given.get(name, "").strip()
        }
        if errors:
            raise Mistaken(errors)
        customer = self.standing.customer
        owner: dict[str, Any] = {
            "name": self.given["account_name"],
            "email": customer.email if customer else None,
        }
        return NewSource(
            type=SourceType.SEPA_DEBIT,
            currency=self.standing.session.currency,
            owner=owner,
            mandate=NewMandate(
                "accepted",
                "online",
                ip=ip or "unknown",
                user_agent=(user_agent or "unknown")[:_LONGEST_EVIDENCE],
            ),
            secrets={"iban": self.given["iban"]},
        )

    def again(self, errors: Mapping[str, str], problem: Mapping[str, str] | None) -> Entered:
        """What is shown once more beside what is wrong with it; never a card."""
        kept = {name: self.given.get(name, "") for name in _SHOWN_AGAIN}
        return Entered(kept, errors, problem)

    def _payer(self) -> Payer | None:
        if self.standing.session.customer_id is not None:
            return None
        given = self.given.get("email", "").strip()
        if not given:
            raise Mistaken({"email": "error_required"})
        try:
            return Payer(fields.email(given, test_mode=self.test_mode))
        except Refusal:
            raise Mistaken({"email": "error_email"}) from None


def is_mandate(standing: Standing) -> bool:
    return standing.session.purpose == Purpose.MANDATE


def _number(text: str) -> int | None:
    return (
        int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS + _MOST_DIGITS else None
    )
