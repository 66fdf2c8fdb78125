"""Webhook forms: reading a carrier's form strictly, so that what was signed is what is used."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from desktop_voice.telephony.carriers.carrier import WebhookRefusedError, WebhookRequest

Pairs = tuple[tuple[str, str], ...]

_MOST_FIELDS = 300
# What no encoder writes: half an escape, or characters that have to be escaped.
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})|[^\x21-\x7e]", re.ASCII)
_PLAIN_URL = re.compile(r"[!\x24-\x7e]+", re.ASCII)
_FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, repr=False)
class Form:
    """The fields of a webhook's body, decoded, in the order in which they came."""

    pairs: Pairs

    def one(self, name: str) -> str:
        """Return the value of a field, or an empty string.

        Raises:
            WebhookRefusedError: It stands there more than once.
        """
        values = [value for key, value in self.pairs if key == name]
        if len(values) > 1:
            raise WebhookRefusedError("a field stands twice")
        return values[0] if values else ""


def header(request: WebhookRequest, name: str) -> str:
    """Return a header (``name`` in lower case) that must be there exactly once.

    Raises:
        WebhookRefusedError: It is missing, empty or repeated.
    """
    values = request.headers.get(name, ())
    if len(values) != 1 or not values[0]:
        raise WebhookRefusedError(f"{name} is missing or repeated")
    return values[0]


def media_type(request: WebhookRequest) -> str:
    """Return the body's type without its parameters, in lower case; empty if it is ambiguous."""
    values = request.headers.get("content-type", ())
    return values[0].partition(";")[0].strip().lower() if len(values) == 1 else ""


def read_form(request: WebhookRequest) -> Form:
    """Return the body's fields; blank values count, an empty body has none.

    Raises:
        WebhookRefusedError: The body is not a form, or could be read in more than one way.
    """
    if not request.body:
        return Form(())
    if media_type(request) != _FORM_TYPE:
        raise WebhookRefusedError("the body is not a form")
    return Form(read_pairs(request.body.decode("latin-1")))


def read_pairs(coded: str) -> Pairs:
    """Return the fields of a URL-encoded form or query that is not empty.

    Raises:
        WebhookRefusedError: It could be read in more than one way.
    """
    segments = coded.split("&")
    if len(segments) > _MOST_FIELDS or _BROKEN.search(coded):
        raise WebhookRefusedError("the form is malformed")
    try:
        return tuple(_field(segment) for segment in segments)
    except UnicodeDecodeError:
        raise WebhookRefusedError("the form is malformed") from None


def split_url(request: WebhookRequest) -> tuple[str, str]:
    """Return the request's address before and after its ``?``, exactly as it came.

    Raises:
        WebhookRefusedError: It holds what no request line holds.
    """
    base, mark, query = request.url.partition("?")
    if not _PLAIN_URL.fullmatch(request.url) or (mark and not query):
        raise WebhookRefusedError("the address is malformed")
    return base, query


def event_key(carrier: str, request: WebhookRequest, *signed: str) -> str:
    """Return what identifies a delivery: a digest over ``signed`` content and the address's query.

    The query counts as its sorted fields, because not every signature binds its spelling.
    """
    query = sorted(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
    canonical = json.dumps([carrier, query, signed], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def sorted_values(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Return each name, in code-point order, with its sorted values."""
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return [(name, sorted(fields[name])) for name in sorted(fields)]


def _field(segment: str) -> tuple[str, str]:
    # Signatures join names and values without a separator: a field without "=" could be
    # another one whose "=" was taken away.
    name, separator, value = segment.partition("=")
    if not separator or not name:
        raise WebhookRefusedError("the form is malformed")
    return _decoded(name), _decoded(value)


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
