"""Finding the PaymentIntent of one of our references; how, and why not otherwise, is told in the package's text."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator

from .answers import REFERENCE
from .api import Object, StripeApi, dig

_REMEMBERED = 10_000
_NEAR_S = 300
_DAY_S = 86_400
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ID_LETTERS = 26
_RANDOM_BITS = 80


class Intents:
    """The PaymentIntents that are ours."""

    def __init__(self, api: StripeApi) -> None:
        self._api = api
        # Which intent a reference has never changes, so what was seen once needs no second search.
        self._seen: OrderedDict[str, str] = OrderedDict()

    def remember(self, reference: str | None, ref: str | None) -> None:
        """Keep in mind which intent a reference has, to find it by one call."""
        if reference and ref:
            self._seen[reference] = ref
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)

    async def find(self, reference: str) -> Object | None:
        """The intent of a reference as it is now; None when Stripe certainly never made one.

        Raises:
            OutcomeUnknown: Stripe cannot be asked, or has too many to look through.
        """
        if (seen := self._seen.get(reference)) and (intent := await self.at(seen)):
            return intent
        for window in _windows(reference):
            async for intent in self._listed(window):
                if dig(intent, "metadata", REFERENCE) == reference:
                    self.remember(reference, intent["id"])
                    return intent
        return None

    async def at(self, ref: str) -> Object | None:
        """The intent of this id as it is now."""
        call = self._api.v1.payment_intents.retrieve_async(ref, params={"expand": ["latest_charge"]})
        return await self._api.read("read payment intent", call)

    def _listed(self, created: dict[str, int]) -> AsyncIterator[Object]:
        params = {"expand": ["data.latest_charge"], **({"created": created} if created else {})}
        return self._api.pages("list payment intents", self._api.v1.payment_intents.list_async, params)


def made_at_s(reference: str) -> int | None:
    """When an id of ours was made, in seconds since 1970; None for what is not one."""
    body = reference.partition("_")[2]
    if len(body) != _ID_LETTERS or not set(body) <= set(_ALPHABET):
        return None
    value = 0
    for letter in body:
        value = value * 32 + _ALPHABET.index(letter)
    return (value >> _RANDOM_BITS) // 1000


def _windows(reference: str) -> Iterator[dict[str, int]]:
    """Where to look, the likeliest first: around the instant of the id, later, and before, should our clock be fast."""
    made = made_at_s(reference)
    if made is None:
        yield {}
        return
    yield {"gte": made - _NEAR_S, "lte": made + _NEAR_S}
    yield {"gt": made + _NEAR_S}
    yield {"gte": made - _DAY_S, "lt": made - _NEAR_S}
