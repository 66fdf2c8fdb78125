"""Secrets in sentences: finds keys that were said or typed, and masks them."""

from __future__ import annotations

import base64
import binascii
import bisect
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from desktop_voice.core.spelled import spelled_runs

MASK = "[key]"
"""Stands for what looks like a key and is none that the app knows."""

_CANDIDATE = re.compile(
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{2,}(?:\.[A-Za-z0-9_-]+)?|[A-Za-z0-9_+/-]{10,}={0,2}",
    re.ASCII,
)
_DASHED = re.compile(r"(?:[A-Za-z0-9]{1,2}-)+[A-Za-z0-9]{1,2}", re.ASCII)
_LONG_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{32,}(?![0-9A-Za-z])", re.ASCII)
_LONG_MIX = re.compile(r"[A-Za-z0-9_]{32,}", re.ASCII)
_ODD_MIX = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z]).{12,}", re.ASCII)
_HEX = frozenset("0123456789abcdefABCDEF")
_SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")
_MAX_CODED = 4096


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a text.

    Attributes:
        masked_text: The text with a mask such as ``[twilio_auth_token]`` in place of every key.
        secrets: The vault's names and the values of the keys that were recognised, in order.
        unread_chars: Of a key that was masked but not recognised: its length; 0 if there is none.
    """

    masked_text: str
    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    unread_chars: int = 0


def find_secrets(text: str, asked_for: str | None = None) -> Found:
    """Find the keys in what somebody said or typed; pure, in time linear in the text's length.

    Keys of unmistakable shape are always found, the others where they are named (“auth token”) or
    asked for; only those may also be spelled. Whatever else looks like a key is masked as well.
    Phone numbers are left alone.

    Args:
        text: The words, as typed or as a recogniser wrote them.
        asked_for: The vault's name of the key that was just asked for.
    """
    hints = _Hints.of(text, asked_for)
    spans: list[tuple[int, int, str, str]] = []
    for found in _CANDIDATE.finditer(text):
        spans += _typed(found[0], found.start(), hints)
    if hints.mentions or asked_for:
        blanked = _without(text, spans)
        for run in spelled_runs(blanked):
            spans += _spelled(run.start, run.end, run.readings, hints)
    spans.sort()
    pieces: list[str] = []
    position = unread = 0
    secrets: dict[str, str] = {}
    for start, end, name, value in spans:
        pieces += [text[position:start], f"[{name}]" if name else MASK]
        position = end
        if name:
            secrets[name] = value
        else:
            unread = len(value)
    pieces.append(text[position:])
    return Found("".join(pieces), tuple(secrets.items()), unread)


def masked(text: str) -> str:
    """Return ``text`` with every key masked."""
    return find_secrets(text).masked_text


# --- what a text says of the keys in it ---

_PHONE_NUMBER = "phone_number"
_CARRIER_OF_TOKEN = ("twilio", "plivo")
_MENTIONS = (
    (_PHONE_NUMBER, r"(?<![a-z])(?:my|phone|from|the) numbers?\b|\bcalls from\b"),
    (
        "twilio_account_sid",
        r"(?<![a-z])account[ _](?:s\.?[ _]?i\.?[ _]?d\b|said\b)|\baccountsid",
    ),
    (
        "telnyx_connection_id",
        r"(?<![a-z])(?:connection|application|app)[ _](?:i\.? ?d\b|number)",
    ),
    ("telnyx_public_key", r"(?<![a-z])public[ _]?key\b"),
    ("plivo_auth_id", r"(?<![a-z])(?:auth|off|oath)[ _]?(?:i\.? ?d)\b"),
    (
        "cloudflare_tunnel_token",
        r"(?<![a-z])(?:cloud ?flared?|tunnel)(?:'s)?[ _](?:tunnel[ _])?token\b",
    ),
    (
        "ngrok_authtoken",
        r"(?<![a-z])(?:ngrok|en ?grok)(?:'s)?[ _](?:auth(?:entication)?[ _]?)?token\b",
    ),
    ("openai_api_key", r"(?<![a-z])open ?ai(?:'s)?[ _](?:api[ _]|a p i )?key\b"),
    ("telnyx_api_key", r"(?<![a-z])(?:api|a\.? ?p\.? ?i\.?)[ _]?key\b"),
    (
        "auth_token",
        r"(?<![a-z])(?:auth|authentication|authorization|off|oath|author)[ _]?token\b|\btoken\b",
    ),
)


@dataclass(frozen=True, slots=True)
class _Hints:
    """Which keys a text names, and where; which one was asked for; which carrier it is about."""

    mentions: tuple[tuple[int, str], ...]
    asked_for: str
    carrier: str
    _ends: tuple[int, ...]

    @classmethod
    def of(cls, text: str, asked_for: str | None) -> _Hints:
        asked = asked_for or ""
        named = re.search("twilio|plivo", text, re.IGNORECASE)
        carrier = named[0].casefold() if named else ""
        if not carrier and re.search(r"(?<![A-Za-z0-9])(?:MA|SA)[A-Z0-9]{18}(?![A-Za-z0-9])", text):
            carrier = "plivo"
        elif not carrier and re.search(r"(?<![A-Za-z0-9])AC[0-9a-fA-F]{32}(?![0-9])", text):
            carrier = "twilio"
        if not carrier and asked.startswith(_CARRIER_OF_TOKEN):
            carrier = asked.partition("_")[0]
        mentions: dict[int, str] = {}
        for name, pattern in _MENTIONS:
            for found in re.finditer(pattern, text, re.IGNORECASE):
                # The first pattern that claims a word has it: a tunnel's token is not Twilio's.
                mentions.setdefault(found.end(), name)
        ordered = tuple(sorted(mentions.items()))
        return cls(ordered, asked, carrier, tuple(end for end, _name in ordered))

    def name_at(self, position: int) -> str:
        """Return which key a value at ``position`` is called; empty if nobody says so."""
        following = bisect.bisect_right(self._ends, position)
        if following:
            name = self.mentions[following - 1][1]
        else:
            after = self.mentions[0][1] if self.mentions else ""
            name = self.asked_for or (after if after != _PHONE_NUMBER else "")
        if name == "auth_token":
            is_asked = self.asked_for.endswith("token") and not self.carrier
            return self.asked_for if is_asked else f"{self.carrier or 'twilio'}_auth_token"
        return name


# --- one value ---


def _typed(value: str, start: int, hints: _Hints) -> list[tuple[int, int, str, str]]:
    called = hints.name_at(start)
    if called == _PHONE_NUMBER:
        called = ""
        if value.isdigit():
            return []
    name = _by_shape(value) or _by_name(value, called) or _by_context(value, hints)
    if name == "twilio_account_sid":
        return [(start, start + len(value), name, f"AC{value[2:]}")]
    if name == "plivo_auth_id":
        return [(start, start + len(value), name, value.upper())]
    if name:
        return [(start, start + len(value), name, value)]
    if _DASHED.fullmatch(value):
        return []
    is_odd = bool(called) and not value.startswith("+") and _ODD_MIX.fullmatch(value) is not None
    if is_odd or _looks_like_a_key(value):
        return [(start, start + len(value), "", value)]
    return [
        (start + found.start(), start + found.end(), "", found[0])
        for found in _LONG_HEX.finditer(value)
    ]


def _spelled(
    start: int, end: int, readings: tuple[str, ...], hints: _Hints
) -> list[tuple[int, int, str, str]]:
    name = hints.name_at(start)
    if name in ("", _PHONE_NUMBER):
        return []
    for reading in readings:
        if name in _SPELLABLE and _SHAPES[name](_SPELLABLE[name](reading)):
            return [(start, end, name, _SPELLABLE[name](reading))]
    if readings[-1].isdigit() and len(readings[-1]) <= 15:
        return []
    return [(start, end, "", readings[-1])]


def _by_shape(value: str) -> str:
    return next((name for name in _UNMISTAKABLE if _SHAPES[name](value)), "")


def _by_name(value: str, name: str) -> str:
    return name if name in _SHAPES and _SHAPES[name](value) else ""


def _by_context(value: str, hints: _Hints) -> str:
    if hints.asked_for and _by_name(value, hints.asked_for):
        return hints.asked_for
    token = f"{hints.carrier}_auth_token"
    has_digit = any(character.isdigit() for character in value)
    return token if hints.carrier and has_digit and _by_name(value, token) else ""


def _looks_like_a_key(value: str) -> bool:
    if value.startswith(("sk-", "sk_", "KEY", "eyJ")) and _ODD_MIX.fullmatch(value):
        return len(value) >= 16
    if value.endswith("=") and _coded_bytes(value) is not None:
        return len(value) >= 24
    return any(_is_mixed(found[0]) for found in _LONG_MIX.finditer(value))


def _is_mixed(run: str) -> bool:
    digits = sum(character.isdigit() for character in run)
    return digits >= 4 and not run.isdigit() and (set(run) <= _HEX or digits >= 6)


def _matches(pattern: str, flags: re.RegexFlag = re.ASCII) -> Callable[[str], bool]:
    compiled = re.compile(pattern, flags)
    return lambda value: compiled.fullmatch(value) is not None


def _is_tunnel_token(value: str) -> bool:
    """Cloudflare's: base64 of a JSON object with the account, the tunnel and its secret."""
    raw = _coded_bytes(value) if value.startswith("eyJ") else None
    try:
        token = json.loads(raw) if raw is not None else None
    except (ValueError, RecursionError):
        return False
    return isinstance(token, dict) and {"a", "t", "s"} <= token.keys()


def _is_public_key(value: str) -> bool:
    """Ed25519: base64 of its 32 bytes, or of the DER that holds them."""
    raw = _coded_bytes(value)
    if raw is None:
        return False
    return len(raw) == 32 or (len(raw) == 44 and raw.startswith(_SPKI_ED25519))


def _coded_bytes(value: str) -> bytes | None:
    if len(value) > _MAX_CODED:
        return None
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


_SHAPES: dict[str, Callable[[str], bool]] = {
    "twilio_account_sid": _matches(r"[Aa][Cc][0-9a-fA-F]{32}"),
    "twilio_auth_token": _matches(r"[0-9a-fA-F]{32}"),
    "telnyx_api_key": _matches(r"KEY(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,200}"),
    "telnyx_connection_id": _matches(r"[0-9]{10,25}"),
    "telnyx_public_key": _is_public_key,
    "plivo_auth_id": _matches(r"(?:[Mm][Aa]|[Ss][Aa])(?=[A-Za-z]*[0-9])[A-Za-z0-9]{18}"),
    "plivo_auth_token": _matches(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20,80}"),
    "openai_api_key": _matches(r"sk-(?!ant-)(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{16,250}"),
    "cloudflare_tunnel_token": _is_tunnel_token,
    "ngrok_authtoken": _matches(r"(?=[A-Za-z_]*[0-9])[A-Za-z0-9_]{30,80}"),
}
_UNMISTAKABLE = (
    "twilio_account_sid",
    "telnyx_api_key",
    "openai_api_key",
    "cloudflare_tunnel_token",
    "plivo_auth_id",
)
_SPELLABLE: dict[str, Callable[[str], str]] = {
    "twilio_account_sid": lambda said: said[:2].upper() + said[2:].lower(),
    "twilio_auth_token": str.lower,
    "telnyx_connection_id": str,
    "plivo_auth_id": str.upper,
}
"""Keys of one case, which can be said; every other key has to be typed."""


def _without(text: str, spans: list[tuple[int, int, str, str]]) -> str:
    """Return ``text`` with the spans in it replaced by a sign that no spelled word goes over."""
    pieces: list[str] = []
    position = 0
    for start, end, _name, _value in sorted(spans):
        pieces += [text[position:start], "#" * (end - start)]
        position = end
    return "".join([*pieces, text[position:]])
