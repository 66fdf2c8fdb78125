"""Plivo XML as the carrier reads it: strict, into a list of verbs (protocol: Plivo, "XML").

What the carrier cannot execute is an error; what it silently ignores is noted. Elements that play
or record files are not rehearsed and count as errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

MAX_BYTES = 100_000
MAX_SPEAK_CHARS = 3_000
CONTENT_TYPES = ("application/xml", "text/xml")
STREAM_FORMATS = ("audio/x-l16;rate=8000", "audio/x-l16;rate=16000", "audio/x-mulaw;rate=8000")


class PlivoXmlError(ValueError):
    """The document cannot be executed; the call would end with "Invalid XML"."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One element: its name, its attributes, its text, and what is nested in it."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    nested: tuple[Verb, ...] = ()

    def attribute(self, name: str, default: str = "") -> str:
        """Return an attribute, or what the carrier takes in its place."""
        return self.attributes.get(name, default)

    def is_on(self, name: str, default: bool = False) -> bool:
        """Return a ``true``/``false`` attribute."""
        return self.attributes[name] == "true" if name in self.attributes else default


@dataclass(frozen=True, slots=True)
class Document:
    """What is to be done, and what was ignored on reading it."""

    verbs: tuple[Verb, ...]
    ignored: tuple[str, ...]


Check = Callable[[str], str]
"""Returns what is wrong with an attribute's value, or nothing."""


def _anything(_value: str) -> str:
    return ""


def _one_of(*allowed: str) -> Check:
    return lambda value: "" if value in allowed else f"must be one of {', '.join(allowed)}"


def _number(low: int, high: int, *words: str) -> Check:
    def check(value: str) -> str:
        if value in words or (value.isascii() and value.isdigit() and low <= int(value) <= high):
            return ""
        return f"must be {low} to {high}" + "".join(f" or {word}" for word in words)

    return check


def _url(*schemes: str) -> Check:
    def check(value: str) -> str:
        try:
            parts = urlsplit(value)
        except ValueError:
            return "is not a URL"
        if parts.scheme not in schemes or not parts.netloc or any(c.isspace() for c in value):
            return f"must be an absolute {' or '.join(schemes)} URL"
        return ""

    return check


def _input_types(value: str) -> str:
    wanted = value.split()
    return "" if wanted and set(wanted) <= {"dtmf", "speech"} else "must be dtmf, speech or both"


def _extra_headers(value: str) -> str:
    if len(value.encode()) > 512:
        return "has more than 512 bytes"
    for pair in re.split("[,;]", value):
        if not re.fullmatch(r"[A-Za-z0-9]+=[A-Za-z0-9]+", pair.strip()):
            return "must be name=value pairs of letters and digits"
    return ""


_TRUTH = _one_of("true", "false")
_METHOD = _one_of("GET", "POST")
_HTTP = _url("http", "https")
_SOCKET = _url("ws", "wss")
_ENDLESS = 86_400 * 365

_ATTRIBUTES: dict[str, dict[str, Check]] = {
    "Response": {},
    "Speak": {"voice": _anything, "language": _anything, "loop": _number(0, 1000)},
    "Wait": {
        "length": _number(1, _ENDLESS),
        "silence": _TRUTH,
        "minSilence": _number(1, _ENDLESS),
        "beep": _TRUTH,
    },
    "GetInput": {
        "action": _HTTP,
        "method": _METHOD,
        "inputType": _input_types,
        "executionTimeout": _number(5, 60),
        "digitEndTimeout": _number(2, 10, "auto"),
        "speechEndTimeout": _number(2, 10, "auto"),
        "finishOnKey": _one_of(*"0123456789*#", "any", "none", ""),
        "numDigits": _number(1, 32),
        "speechModel": _one_of("default", "command_and_search", "phone_call", "telephony"),
        "hints": _anything,
        "language": _anything,
        "interimSpeechResultsCallback": _HTTP,
        "interimSpeechResultsCallbackMethod": _METHOD,
        "log": _TRUTH,
        "redirect": _TRUTH,
        "profanityFilter": _TRUTH,
    },
    "Redirect": {"method": _METHOD},
    "Hangup": {"reason": _one_of("rejected", "busy"), "schedule": _number(1, _ENDLESS)},
    "Stream": {
        "bidirectional": _TRUTH,
        "audioTrack": _one_of("inbound", "outbound", "both"),
        "streamTimeout": _number(1, 86_400),
        "statusCallbackUrl": _HTTP,
        "statusCallbackMethod": _METHOD,
        "contentType": _one_of(*STREAM_FORMATS),
        "extraHeaders": _extra_headers,
        "keepCallAlive": _TRUTH,
        "noiseCancellation": _TRUTH,
        "noiseCancellationLevel": _number(60, 100),
    },
    "DTMF": {"async": _TRUTH},
    "Dial": {
        "action": _HTTP,
        "method": _METHOD,
        "hangupOnStar": _TRUTH,
        "timeLimit": _number(1, _ENDLESS),
        "timeout": _number(1, _ENDLESS),
        "callerId": _anything,
        "callerName": _anything,
        "confirmSound": _HTTP,
        "confirmKey": _one_of(*"0123456789*#"),
        "dialMusic": _anything,
        "callbackUrl": _HTTP,
        "callbackMethod": _METHOD,
        "redirect": _TRUTH,
        "digitsMatch": _anything,
        "sipHeaders": _anything,
    },
    "Number": {"sendDigits": _anything, "sendOnPreanswer": _TRUTH, "sendDigitsMode": _anything},
}
_NESTED: dict[str, tuple[str, ...]] = {
    "Response": (
        "Speak",
        "Wait",
        "GetInput",
        "Redirect",
        "Hangup",
        "Stream",
        "DTMF",
        "Dial",
    ),
    "GetInput": ("Speak",),
    "Dial": ("Number",),
}
_TEXT: dict[str, Check] = {
    "Speak": lambda text: (
        "" if text and len(text) <= MAX_SPEAK_CHARS else f"needs 1 to {MAX_SPEAK_CHARS} characters"
    ),
    "Redirect": _HTTP,
    "Stream": _SOCKET,
    "DTMF": lambda text: (
        "" if re.fullmatch(r"[0-9A-DwW*#]+", text) else "needs digits 0-9, A-D, *, #, w or W"
    ),
    "Number": lambda text: (
        "" if re.fullmatch(r"\+?[1-9][0-9]{4,14}", text) else "needs a number with country code"
    ),
}


def parse(body: bytes, content_type: str) -> Document:
    """Read a reply to the carrier.

    Raises:
        PlivoXmlError: The carrier cannot execute it; says why.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in CONTENT_TYPES:
        raise PlivoXmlError(f"the content type is {kind or 'missing'}, not application/xml")
    if len(body) > MAX_BYTES:
        raise PlivoXmlError("the document has more than 100 KB")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise PlivoXmlError("the document has a document type")
    try:
        root = ET.fromstring(body)  # noqa: S314 - without a document type there are no entities
    except (ET.ParseError, ValueError, LookupError) as error:
        raise PlivoXmlError("the document is not well-formed XML") from error
    if root.tag != "Response":
        raise PlivoXmlError("the document does not begin with <Response>")
    ignored: list[str] = []
    response = _verb(root, ignored)
    return Document(response.nested, tuple(ignored))


def _verb(element: ET.Element, ignored: list[str]) -> Verb:
    name = element.tag
    known = _ATTRIBUTES[name]
    attributes: dict[str, str] = {}
    for key, value in element.attrib.items():
        if key not in known:
            ignored.append(f"<{name}> has no attribute {key}")
            continue
        if wrong := known[key](value):
            raise PlivoXmlError(f"<{name}> {key} {wrong}")
        attributes[key] = value
    text = (element.text or "").strip()
    if check := _TEXT.get(name):
        if wrong := check(text):
            raise PlivoXmlError(f"<{name}> {wrong}")
    elif text:
        raise PlivoXmlError(f"<{name}> takes no text")
    nested = []
    for child in element:
        if child.tag not in _NESTED.get(name, ()):
            raise PlivoXmlError(f"<{child.tag}> is not allowed in <{name}>")
        if (child.tail or "").strip():
            raise PlivoXmlError(f"<{name}> has text between its elements")
        nested.append(_verb(child, ignored))
    verb = Verb(name, attributes, text, tuple(nested))
    _check_whole(verb)
    return verb


def _check_whole(verb: Verb) -> None:
    if verb.name == "GetInput":
        for needed in ("action", "inputType"):
            if needed not in verb.attributes:
                raise PlivoXmlError(f"<GetInput> needs {needed}")
    elif verb.name == "Stream":
        is_both_ways = verb.is_on("bidirectional")
        if is_both_ways and verb.attribute("audioTrack", "inbound") != "inbound":
            raise PlivoXmlError("<Stream> that is bidirectional has the inbound track only")
    elif verb.name == "Dial" and not verb.nested:
        raise PlivoXmlError("<Dial> needs a <Number>")
