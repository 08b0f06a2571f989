"""The processors that an installation's settings name."""

from saifu.settings import Settings, SettingsError
from saifu.store import Store

from .contract import Processor
from .registry import Processors

SIMULATOR, STRIPE, AUTO, NONE = "simulator", "stripe", "auto", "none"


def installed(settings: Settings, store: Store) -> Processors:
    """The simulator in test mode, Stripe where its key is given; new charges go to the one that was chosen.

    Raises:
        SettingsError: the simulator would move real money, or a key of Stripe's is missing or of the other mode.
    """
    chosen = _chosen(settings)
    by_name: dict[str, Processor] = {}
    if settings.mode == "test":
        from .simulator import Simulator

        by_name[SIMULATOR] = Simulator(store, public_url=settings.base_url)
    if chosen == STRIPE or settings.stripe_secret_key is not None:
        from .stripe import StripeProcessor

        by_name[STRIPE] = StripeProcessor.of(settings)
    return Processors(by_name, chosen)


def _chosen(settings: Settings) -> str | None:
    if settings.processor == AUTO:
        if settings.mode == "test":
            return SIMULATOR
        return STRIPE if settings.stripe_secret_key is not None else None
    if settings.processor == SIMULATOR and settings.mode == "live":
        raise SettingsError(["  SAIFU_PROCESSOR cannot be simulator in live mode: set it to stripe."])
    return None if settings.processor == NONE else settings.processor
