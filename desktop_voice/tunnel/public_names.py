"""Public host names: what may stand in a public address, and nothing else."""

from __future__ import annotations

import re

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{1,59}})", re.ASCII)


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
