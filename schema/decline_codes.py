"""Why a payment was declined, in words (A8, PM30)."""

from saifu.processors.declines import DECLINES, DeclineCode, DeclineType

from .described import described

described(
    DeclineType,
    "DeclineType",
    "Whether trying the same instrument again can ever help.",
    {DeclineType.SOFT: "It may help.", DeclineType.HARD: "It cannot."},
)


def _words(code: DeclineCode) -> str:
    known = DECLINES[code]
    retried = "retried unattended" if known.auto_retry else "never retried unattended"
    masked = "; the customer never reads the reason" if known.masked else ""
    return f"{known.type.value.capitalize()}, {retried}{masked}."


described(
    DeclineCode,
    "DeclineCode",
    "Why a bank or a processor said no (see `declineCodes`). More may be added.",
    {code: _words(code) for code in DeclineCode},
)
