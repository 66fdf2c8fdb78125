"""XML: documents for carriers, built from elements so that no text can become markup."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit
from xml.etree import ElementTree

from desktop_voice.telephony.carriers.carrier import WebhookReply

Element = ElementTree.Element

# Everything that XML 1.0 does not allow, not even as a character reference.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """Return the text without the characters that no XML document may hold."""
    return _FORBIDDEN.sub("", text)


def response() -> Element:
    """Return an empty document."""
    return Element("Response")


def add(
    parent: Element, name: str, text: str = "", attributes: Mapping[str, str] | None = None
) -> Element:
    """Add an element to ``parent`` and return it; ``text`` and values are plain words."""
    child = ElementTree.SubElement(parent, name)
    for key, value in (attributes or {}).items():
        child.set(key, clean(value))
    if text:
        child.text = clean(text)
    return child


def document(root: Element) -> str:
    """Return the document as text, without a declaration: UTF-8 is what XML means without one."""
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def reply(root: Element) -> WebhookReply:
    """Return the document as the answer to a webhook."""
    return WebhookReply(200, "application/xml; charset=utf-8", document(root).encode())


def once(url: str) -> str:
    """Return an address that is fetched once: two redirects to ``url`` are then two deliveries.

    Without it their signed content could be the same, and the second would pass for a repetition.
    """
    parts = urlsplit(url)
    query = f"{parts.query}&" if parts.query else ""
    return urlunsplit(parts._replace(query=f"{query}once={secrets.token_urlsafe(6)}"))
