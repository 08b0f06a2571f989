"""International bank account numbers: what can be said of one without asking a bank (SR24)."""

from saifu.refusals import ErrorCode, Refusal

_LENGTHS = {
    name: int(length)
    for length, names in (
        ("15", "NO"),
        ("16", "BE"),
        ("18", "DK FI FO GL NL"),
        ("19", "MK SI"),
        ("20", "AT BA EE KZ LT LU XK"),
        ("21", "CH HR LI LV"),
        ("22", "BG BH CR DE GB GE IE ME RS VA"),
        ("23", "AE GI IL TL"),
        ("24", "AD CZ ES MD PK RO SA SE SK TN VG"),
        ("25", "PT"),
        ("26", "IS TR"),
        ("27", "FR GR IT MC SM"),
        ("28", "AL AZ CY DO GT HU LB PL"),
        ("29", "BR PS QA UA"),
        ("30", "JO KW MU"),
        ("31", "MT SC"),
    )
    for name in names.split()
}
"""How long a number is in each country of the registry (ISO 13616)."""

NEEDS_ADDRESS = frozenset("AD PF TF GI GB GG VA IM JE MC NC BL PM SM CH WF".split())  # noqa: SIM905
"""Countries of whose accounts the owner's address is asked (SR24)."""

_CHECK = 97


def checked(value: str) -> str:
    """An IBAN without its blanks, in upper case.

    Raises:
        Refusal: INVALID_BANK_ACCOUNT_IBAN; the number is not repeated.
    """
    number = "".join(value.split()).upper()
    if not (number.isascii() and number.isalnum()) or len(number) != _LENGTHS.get(number[:2]):
        raise _invalid()
    digits = "".join(str(int(letter, 36)) for letter in number[4:] + number[:4])
    if int(digits) % _CHECK != 1:
        raise _invalid()
    return number


def is_one(text: str) -> bool:
    """Whether a text is a valid IBAN and nothing else."""
    try:
        checked(text)
    except Refusal:
        return False
    return True


def _invalid() -> Refusal:
    return Refusal(ErrorCode.INVALID_BANK_ACCOUNT_IBAN, "This is not a valid IBAN.", ("input", "iban"))
