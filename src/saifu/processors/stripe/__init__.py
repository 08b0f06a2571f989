"""Stripe: a processor behind the contract, through Stripe's own SDK. No card number ever comes near it (S23).

**How a charge is found again.** `look_up` has only our reference, and three ways lead from it to a PaymentIntent:

- *Sending the same request again under the same idempotency key* is answered with the first one's outcome, for 24 h at
  least. That is what makes the re-sending of a recovered payment safe, but it needs the whole request, and after that
  day it would be a second charge. So nobody sends anything to find something out.
- *Search* by metadata is indexed about a minute late, later in an outage, and is not there for merchants in India. It
  can say yes but never no, so it is not used.
- *Listing* PaymentIntents is consistent. Our ids tell when they were made, so the list is read where `created` is near
  that instant, then everywhere later, then a day before in case our clock was wrong, until one carries
  `metadata.saifu_reference`. Only after all of that is the answer "certainly not there"; a list that is too long to be
  read to its end is `OutcomeUnknown`.

A request may still be on its way while the list is read: whoever is told "not there" waits and then re-sends under the
same key, which Stripe answers with whatever came of the first. What this process sent or was told of by a webhook it
remembers, so that most look-ups are one call; that is a hint and never an answer.

**What is no answer.** Timeouts, broken connections, 5xx, and 409 (the same key is being worked on) are
`OutcomeUnknown`. So are 429 and 401, although Stripe certainly did not execute *that* request: it may have been the
second one for a charge whose first came through, and then a decline would be a lie. A key that Stripe does not take is
logged as an error, since every payment waits until somebody corrects it. A 400 means that the request made no sense,
which for a re-sent one can be because the first was executed: the list is asked before it becomes a decline.
"""

from .processor import StripeProcessor

__all__ = ["StripeProcessor"]
