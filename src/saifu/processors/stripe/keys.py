"""What the settings of Stripe must be for an installation to start."""

from saifu.settings import Settings, SettingsError


def checked(settings: Settings) -> None:
    """Nothing, when the keys are there and are of the installation's mode.

    Raises:
        SettingsError: a key is missing, or would move play money in earnest or real money in play.
    """
    problems = [*_keys(settings), *_webhook(settings), *_address(settings)]
    if problems:
        raise SettingsError([f"  {problem}" for problem in problems])


def _keys(settings: Settings) -> list[str]:
    mode = settings.mode
    secret = settings.stripe_secret_key.get_secret_value() if settings.stripe_secret_key else None
    public = settings.stripe_publishable_key
    problems = []
    if secret is None:
        problems.append(f"SAIFU_STRIPE_SECRET_KEY is needed: Stripe's secret key, sk_{mode}_…")
    elif not secret.startswith((f"sk_{mode}_", f"rk_{mode}_")):
        problems.append(_other_mode("SAIFU_STRIPE_SECRET_KEY", f"sk_{mode}_ or rk_{mode}_", mode))
    if public is not None and not public.startswith(f"pk_{mode}_"):
        problems.append(_other_mode("SAIFU_STRIPE_PUBLISHABLE_KEY", f"pk_{mode}_", mode))
    return problems


def _webhook(settings: Settings) -> list[str]:
    if settings.mode != "live" or settings.stripe_webhook_secret is not None:
        return []
    return ["SAIFU_STRIPE_WEBHOOK_SECRET is needed in live mode: without it nobody learns of disputes."]


def _address(settings: Settings) -> list[str]:
    if settings.mode != "live" or settings.stripe_api_base.startswith("https://"):
        return []
    return ["SAIFU_STRIPE_API_BASE must begin with https:// in live mode: the secret key goes there."]


def _other_mode(variable: str, prefixes: str, mode: str) -> str:
    return f"{variable} must begin with {prefixes}, since SAIFU_MODE is {mode}."
