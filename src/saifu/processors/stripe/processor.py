"""Stripe as a processor: everything of the contract, put together for one process."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Self

import structlog

from saifu.processors.contract import Callback, CallbackKind, ForgedCallback
from saifu.settings import Settings

from . import callbacks, keys
from .api import TIMEOUT_S, StripeApi
from .sources import Sources

log = structlog.get_logger(__name__)


class StripeProcessor(Sources):
    """Stripe behind the contract.

    Args:
        webhook_secret: what Stripe signs webhooks with; without it none is believed.
        livemode: whether the key moves real money.
    """

    name = "stripe"

    def __init__(self, api: StripeApi, webhook_secret: str | None, *, livemode: bool) -> None:
        super().__init__(api, livemode)
        self._webhook_secret = webhook_secret

    @classmethod
    def of(cls, settings: Settings, timeout_s: float = TIMEOUT_S) -> Self:
        """The processor that the settings describe; it connects when it is first used.

        Raises:
            SettingsError: a key is missing or of the other mode.
        """
        keys.checked(settings)
        assert settings.stripe_secret_key is not None
        webhook_secret = settings.stripe_webhook_secret
        return cls(
            StripeApi(settings.stripe_secret_key.get_secret_value(), settings.stripe_api_base, timeout_s),
            webhook_secret.get_secret_value() if webhook_secret else None,
            livemode=settings.mode == "live",
        )

    def callbacks(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Callback]:
        """What a webhook hints at: one object, or nothing.

        Raises:
            ForgedCallback: Stripe did not sign it, or longer than 300 s ago.
        """
        if self._webhook_secret is None:
            log.error("stripe_webhook_secret_missing", setting="SAIFU_STRIPE_WEBHOOK_SECRET")
            raise ForgedCallback("Signatures cannot be checked: SAIFU_STRIPE_WEBHOOK_SECRET is not set.")
        given = {name.lower(): value for name, value in headers.items()}
        callbacks.verify(given.get(callbacks.HEADER), body, self._webhook_secret, now)
        found = callbacks.hints(body, self._livemode)
        for each in found:
            if each.kind is CallbackKind.CHARGE:
                self.remember(each.reference, each.processor_ref)
        return found

    async def close(self) -> None:
        """Close the connections to Stripe."""
        await self._api.close()
