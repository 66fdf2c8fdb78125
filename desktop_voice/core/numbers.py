"""Phone numbers: read, shown, and refused when calling them would be dear or dangerous."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from desktop_voice.core.errors import PhoneError

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_TYPED = re.compile(r"[0-9+ ()./\-\u00a0\u2010-\u2014]{1,40}", re.ASCII)
_GLOBAL_PREFIXES = ("+870", "+878", "+881", "+882", "+883", "+888", "+979")
_KINDS = {
    PhoneNumberType.FIXED_LINE: "landline",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "landline or mobile",
    PhoneNumberType.TOLL_FREE: "toll-free",
    PhoneNumberType.PREMIUM_RATE: "premium rate",
    PhoneNumberType.SHARED_COST: "shared cost",
    PhoneNumberType.VOIP: "internet",
    PhoneNumberType.PERSONAL_NUMBER: "personal number",
    PhoneNumberType.PAGER: "pager",
    PhoneNumberType.UAN: "company number",
    PhoneNumberType.VOICEMAIL: "voicemail",
    PhoneNumberType.UNKNOWN: "unknown",
}
_DEAR = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.PAGER,
        PhoneNumberType.UAN,
    }
)


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What a number tells of itself.

    Attributes:
        country: Two letters, or an empty string for services that belong to no country.
        kind: Such as ``mobile``, ``landline``, ``premium rate``, ``unknown``.
    """

    country: str
    kind: str


def strict_e164(raw: str) -> str | None:
    """Return ``raw`` if it is exactly a valid number in E.164, and None for anything else.

    For what comes from outside: nothing is trimmed, converted or guessed.
    """
    if not _E164.fullmatch(raw):
        return None
    number = _parsed(raw)
    return raw if number is not None and phonenumbers.is_valid_number(number) else None


def read_number(text: str, region: str) -> str:
    """Return what a person typed as E.164; without ``+`` or ``00`` it is ``region``'s.

    Raises:
        PhoneError: It is no phone number (PHONE-20), or an emergency or short one (PHONE-21).
    """
    typed = text.strip()
    if not _TYPED.fullmatch(typed):
        raise _no_number()
    if _is_short(typed, region):
        raise _short()
    number = _parsed(typed, region)
    if number is None or not phonenumbers.is_valid_number(number):
        raise _no_number()
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def as_you_type(text: str, region: str) -> str:
    """Return the digits of ``text`` as ``region`` writes them, as far as they go."""
    formatter = phonenumbers.AsYouTypeFormatter(region)
    shown = ""
    for n, character in enumerate(re.sub(r"[^0-9+]", "", text)[:32]):
        if character != "+" or n == 0:
            shown = formatter.input_digit(character)
    return shown


def display(number: str) -> str:
    """Return an E.164 number as people write it internationally; anything else as it is."""
    parsed = _parsed(number) if _E164.fullmatch(number) else None
    if parsed is None:
        return number
    return phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)


def masked(number: str) -> str:
    """Return a number for logs: its beginning and end, such as ``+1415*****23``."""
    if not _E164.fullmatch(number):
        return "***"
    head, tail = (5, 2) if len(number) > 9 else (3, 1)
    return f"{number[:head]}{'*' * (len(number) - head - tail)}{number[-tail:]}"


def number_facts(number: str) -> NumberFacts:
    """Return what is known of an E.164 number."""
    parsed = _parsed(number) if _E164.fullmatch(number) else None
    if parsed is None:
        return NumberFacts("", "unknown")
    return NumberFacts(_region(parsed), _KINDS[phonenumbers.number_type(parsed)])


def why_refused(
    number: str, own_numbers: Collection[str], home_region: str, other_regions: Collection[str]
) -> PhoneError | None:
    """Return why ``number`` (E.164) must not be called, or None if it may be.

    Countries are told apart by region: Jamaica is not the United States for sharing +1.
    """
    if _is_short(number, home_region):
        return _short()
    if not _E164.fullmatch(number):
        return _no_number()
    if number in own_numbers:
        return PhoneError(
            "PHONE-25",
            "That is your own number at the carrier.",
            "Choose somebody else's number.",
        )
    if number.startswith(_GLOBAL_PREFIXES):
        return PhoneError(
            "PHONE-23",
            "Satellite and international service numbers are not called, because they are dear.",
            "Use a number that belongs to a country.",
        )
    parsed = _parsed(number)
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        return _no_number()
    kind = phonenumbers.number_type(parsed)
    if kind in _DEAR:
        return PhoneError(
            "PHONE-22",
            f"This is a {_KINDS[kind]} line, and such numbers are not called.",
            "Use an ordinary landline or mobile number.",
        )
    region = _region(parsed)
    if region != home_region and region not in other_regions:
        return PhoneError(
            "PHONE-24",
            f"Calls to {region or 'this part of the world'} are switched off.",
            "Add the country under “Other countries” in the settings if you want to call there.",
        )
    return None


def _parsed(text: str, region: str | None = None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _region(number: PhoneNumber) -> str:
    region = phonenumbers.region_code_for_number(number) or ""
    return "" if region == "001" else region


def _is_short(text: str, region: str) -> bool:
    """Return whether ``text`` would reach an emergency or another short number if dialled."""
    if phonenumbers.connects_to_emergency_number(text, region):
        return True
    number = _parsed(text, region)
    return (
        number is not None
        and not phonenumbers.is_valid_number(number)
        and phonenumbers.is_possible_short_number(number)
    )


def _no_number() -> PhoneError:
    return PhoneError(
        "PHONE-20",
        "That is not a phone number that can be called.",
        "Write it with its country, like +1 415 555 0123.",
    )


def _short() -> PhoneError:
    return PhoneError(
        "PHONE-21",
        "Emergency and short numbers cannot be called from here.",
        "Use a telephone for them; write any other number with its country, like +1 415 555 0123.",
    )
