"""Public host names: what may stand in a public address, and where they may lead."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_network

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{1,59}})", re.ASCII)
_STAND_INS = ip_network("198.18.0.0/15")
"""What VPN programs give out for every name, and then lead to the right place."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether the internet reaches ``address``."""
    inner = _inner(address)
    is_special = inner.is_multicast or inner.is_reserved or inner.is_unspecified
    return inner.is_global and not is_special


def leads_outside(address: IPv4Address | IPv6Address) -> bool:
    """Return whether a name that leads to ``address`` here may be known to the internet."""
    return is_public(address) or _inner(address) in _STAND_INS


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return getattr(address, "ipv4_mapped", None) or address


def public_base(name: object, suffix: str = "") -> str:
    """Return ``https://name`` for a plain host name, in small letters.

    Args:
        name: What somebody says the name is; anything.
        suffix: What it must end with after at least one more label, like ``.trycloudflare.com``.

    Raises:
        ValueError: It is not a plain host name, or not below ``suffix``.
    """
    if not isinstance(name, str) or len(name) > 253:
        raise ValueError("not a host name")
    small = name.lower()
    if not _NAME.fullmatch(small) or not small.endswith(suffix):
        raise ValueError("not a host name that was to be expected")
    return f"https://{small}"
