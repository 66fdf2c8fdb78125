"""Plivo's V3 signatures as the carrier makes them (protocol: Plivo, "Signature validation V3")."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

NONCE_HEADER = "X-Plivo-Signature-V3-Nonce"
SIGNATURE_HEADER = "X-Plivo-Signature-V3"
MAIN_ACCOUNT_HEADER = "X-Plivo-Signature-Ma-V3"

Fields = Sequence[tuple[str, str]]
"""Form fields in the order in which they are sent; names may repeat."""


def signed_text(method: str, url: str, fields: Fields, nonce: str) -> str:
    """Return the text that is signed.

    Of the URL scheme, host with port, and path stand as they are; the query is percent-decoded and
    sorted. A form follows without separators, sorted. A POST with a form always has a ``?``, and a
    ``.`` between query and form; a POST without a form is like a GET.
    """
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}{parts.path}"
    query = "&".join(
        f"{name}={value}" for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True))
    )
    has_form = method.upper() == "POST" and len(fields) > 0
    if query or has_form:
        base += f"?{query}"
    if has_form:
        base += "." if query else ""
        base += "".join(f"{name}{value}" for name, value in sorted(fields))
    return f"{base}.{nonce}"


def signature(auth_token: str, method: str, url: str, fields: Fields, nonce: str) -> str:
    """Return the base64 HMAC-SHA256 of a request."""
    text = signed_text(method, url, fields, nonce)
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def signature_headers(
    auth_tokens: Sequence[str], method: str, url: str, fields: Fields
) -> dict[str, str]:
    """Return the headers of a request with a fresh nonce.

    Args:
        auth_tokens: The account's tokens, the valid one last; while one is being exchanged there
            are two, and the header then holds one signature of each, separated by a comma.
        method: ``GET`` or ``POST``.
        url: The public URL as it was given to the carrier.
        fields: The form of a POST; a GET has them in ``url``.
    """
    nonce = secrets.token_hex(16)
    made = ", ".join(signature(token, method, url, fields, nonce) for token in auth_tokens)
    return {NONCE_HEADER: nonce, SIGNATURE_HEADER: made, MAIN_ACCOUNT_HEADER: made}
