"""The names of quick tunnels: four words below trycloudflare.com, never the same twice."""

from __future__ import annotations

import secrets
from collections.abc import Set as AbstractSet

_TEXT = (
    "amber anchor apple arrow autumn badge basin beacon birch blanket bottle breeze bridge "
    "brook candle canyon cedar chapel cider clover comet copper coral cotton crystal daisy "
    "delta diesel dragon echo ember falcon feather fern fiddle forest garden ginger glacier "
    "granite harbor hazel heron island ivory jacket jasper kettle lantern lemon linen maple "
    "marble meadow mercury mirror needle nickel oasis olive orchard otter paper pebble pepper "
    "piano planet quarry rabbit raven ribbon river saddle salmon shadow silver sparrow spring "
    "stone summer tango thunder timber tulip valley velvet violet walnut willow window winter"
)
_WORDS = _TEXT.split()


def new_quick_name(taken: AbstractSet[str]) -> str:
    """Return ``<word>-<word>-<word>-<word>.trycloudflare.com`` that is not ``taken``."""
    while True:
        words = "-".join(secrets.choice(_WORDS) for _ in range(4))
        if (name := f"{words}.trycloudflare.com") not in taken:
            return name
