"""What a visitor of the checkout page does, and what happens without one: each between two commits (PM71-PM77).

A visitor who goes away changes nothing: what has begun ends, and the page shows it when it is opened again.
"""

from dataclasses import dataclass, replace
from functools import partial

from saifu import locks
from saifu.jobs import Job
from saifu.payments.begin import Begun
from saifu.payments.flow import PaymentFlow
from saifu.payments.machine import PaymentStatus
from saifu.payments.rules import PaymentRules
from saifu.refusals import Declined, ErrorCode, Refusal
from saifu.sources import attaching
from saifu.sources.asked import NewSource
from saifu.sources.flow import SourceFlow
from saifu.sources.given import Given
from saifu.sources.proving import Proven
from saifu.store import Actor, ActorType, Origin, Store, Tx
from saifu.tables import CheckoutSession, Payment

from . import attempts, endings, sessions, upkeep
from .attempts import Choice, Made


def visiting(session: CheckoutSession) -> Origin:
    """Whence a change comes that somebody makes on the page."""
    return Origin(Actor(ActorType.CHECKOUT, session.id))


@dataclass(frozen=True, slots=True)
class CheckoutFlow:
    """The flows of checkout sessions."""

    store: Store
    payments: PaymentFlow
    sources: SourceFlow
    rules: PaymentRules

    async def pay(self, session: CheckoutSession, choice: Choice, token: str | None, return_url: str) -> None:
        """Charge what a visitor has confirmed; how it went is in the session's payment (PM72, PM76).

        Args:
            token: what the card form has made of a card; None for a saved source, or for the balance alone.

        Raises:
            attempts.Changed: the page has to show another split first (PM78).
            attempts.Repeated: a double click, or a payment is under way.
            Refusal: what `attempts.start` and the processor say.
        """
        await self.sources.undisturbed.run(self._pay(session, choice, token, return_url))

    async def authorise(self, session: CheckoutSession, choice: Choice, token: str) -> None:
        """Attach the card behind a token to the session's customer, and charge nothing (W53).

        Raises:
            Declined: the bank does not let the card be kept.
            attempts.Repeated, Refusal: as `pay`.
        """
        await self.sources.undisturbed.run(self._authorise(session, choice, token))

    async def authorise_account(self, session: CheckoutSession, choice: Choice, account: NewSource) -> None:
        """Make a source of an account and its mandate, and attach it to the session's customer.

        Raises:
            Declined: the bank does not let the account be kept.
            attempts.Repeated, Refusal: as `pay`.
        """
        await self.sources.undisturbed.run(self._authorise_account(session, choice, account))

    async def give_up(self, session: CheckoutSession) -> None:
        """Cancel a payment that waits for its customer, who wants to pay otherwise; any other is left alone.

        Raises:
            Refusal: OUTCOME_UNKNOWN, the processor did not say whether it is cancelled.
        """
        payment = await self.store.read(lambda tx: attempts.under_way(tx, session))
        if payment is not None and payment.status == PaymentStatus.REQUIRES_CUSTOMER_ACTION:
            await self.payments.cancel(payment.id, visiting(session))

    async def look(self, session: CheckoutSession) -> None:
        """Ask the processor how the session's payment stands, as when a visitor comes back from the bank (PM81)."""
        payment = await self.store.read(lambda tx: attempts.under_way(tx, session))
        if payment is not None:
            await self.payments.look(payment.id)

    async def seen(self, session: CheckoutSession) -> None:
        """Write down that somebody is at the page (PM89a)."""
        await self.store.write(lambda tx: sessions.seen(tx, session.id), visiting(session))

    async def expire(self, session_id: str, key: str | None, origin: Origin) -> tuple[CheckoutSession, bool]:
        """End a session now, and cancel the payment that waits for its customer (PM71).

        Raises:
            Refusal: NOT_FOUND, CHECKOUT_SESSION_CONSUMED; PREVIOUS_PAYMENT_PENDING, a payment was sent and nobody
                knows yet how it ended.
        """
        payment = await self.store.write(lambda tx: _under_way(tx, session_id), origin)
        if payment is not None:
            if payment.status != PaymentStatus.REQUIRES_CUSTOMER_ACTION:
                raise Refusal(
                    ErrorCode.PREVIOUS_PAYMENT_PENDING,
                    f"The payment {payment.id} was sent, and its outcome is not known yet.",
                    ("input", "checkoutSessionId"),
                )
            await self.payments.cancel(payment.id, origin)
        return await self.store.write(lambda tx: sessions.expire(tx, session_id, key), origin)

    def jobs(self) -> list[Job]:
        """What is due without a visitor: sessions that ran out, and such as were left alone."""
        return upkeep.jobs(self.payments)

    async def _pay(
        self, session: CheckoutSession, choice: Choice, token: str | None, return_url: str
    ) -> None:
        # Before a token is used up; the locks come later, and this is asked again under them.
        await self.store.write(lambda tx: attempts.refuse_early(tx, session.id, choice.attempt))
        choice = replace(choice, keep=choice.keep and token is not None and session.verified)
        if choice.keep:
            assert session.customer_id is not None, "only a verified customer keeps a card"
            await self.sources.introduce(session.customer_id)
        made = None if token is None else await self._made(token, _name(session, choice))
        work = partial(_start, session.id, choice, self.rules, made, return_url)
        begun = await self.store.write(work, visiting(session))
        if begun.to_send:
            await self.payments.deliver(begun.payment.id)

    async def _made(self, token: str, reference: str) -> Made:
        prover = self.sources.prover
        instrument = await prover.instrument(token, reference)
        return Made(prover.processor_of(None).name, instrument)

    async def _authorise(self, session: CheckoutSession, choice: Choice, token: str) -> None:
        proven = await self._proven(session, choice, token)

        def finish(tx: Tx) -> None:
            held = sessions.known(tx, session.id)
            attempts.refuse(tx, held, choice.attempt)
            endings.completed(tx, held, source_id=_attached(tx, held, proven))

        await self.sources.kept(finish, proven, visiting(session))

    async def _authorise_account(self, session: CheckoutSession, choice: Choice, account: NewSource) -> None:
        await self.store.write(lambda tx: attempts.refuse_early(tx, session.id, choice.attempt))
        name, origin = _name(session, choice), visiting(session)
        assert session.customer_id is not None, "a mandate is a customer's"
        try:
            made = await self.sources.create(account, f"{name}:create", origin)
            done = await self.sources.attach(
                session.customer_id, Given(source_id=made.source.id), f"{name}:attach", origin
            )
        except Refusal:
            await self._count(session, choice)
            raise

        def finish(tx: Tx) -> None:
            held = sessions.known(tx, session.id)
            attempts.refuse(tx, held, choice.attempt)
            endings.completed(tx, held, source_id=done.value.id)

        await self.store.write(finish, origin)

    async def _proven(self, session: CheckoutSession, choice: Choice, token: str) -> Proven:
        await self.store.write(lambda tx: attempts.refuse_early(tx, session.id, choice.attempt))
        assert session.customer_id is not None, "only a verified customer keeps a card"
        name = _name(session, choice)
        try:
            return await self.sources.proven(session.customer_id, Given(token=token), None, name)
        except Declined:
            await self._count(session, choice)
            raise

    async def _count(self, session: CheckoutSession, choice: Choice) -> None:
        await self.store.write(lambda tx: attempts.count(tx, session.id, choice.attempt), visiting(session))


def _name(session: CheckoutSession, choice: Choice) -> str:
    """Under which a processor is asked: a double click asks for the same."""
    return f"{session.id}:{choice.attempt}"


def _start(
    session_id: str, choice: Choice, rules: PaymentRules, by: Made | None, return_url: str, tx: Tx
) -> Begun:
    return attempts.start(tx, session_id, choice, rules, by, return_url)


def _under_way(tx: Tx, session_id: str) -> Payment | None:
    return attempts.under_way(tx, sessions.known(tx, session_id))


def _attached(tx: Tx, session: CheckoutSession, proven: Proven) -> str:
    assert session.customer_id is not None, "only a verified customer keeps a card"
    customer = locks.unblocked(tx, session.customer_id)
    source = attaching.attach_in(tx, customer, proven.row(tx))
    proven.remember(tx, customer.id)
    return source.id
