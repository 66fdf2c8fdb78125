"""What is to go wrong on the public side: at the edge, with its tunnels and with its names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

StartFault = Literal["rate_limited", "blocked", "udp_blocked", "slow_to_reach"]
"""Of a tunnel that is being opened."""
SuddenFault = Literal["drop_sockets", "disconnect"]
"""At once, to tunnels that are open."""
CertificateFault = Literal["certificate_expired", "certificate_wrong_name", "certificate_untrusted"]
"""At a client's TLS handshake."""
RewriteFault = Literal["rewrite_body", "strip_prefix", "add_query", "drop_signature"]
"""What a proxy on the way does to a request."""
TrafficFault = Literal["media_refused", "slow"]
"""At a request or a socket."""
NameFault = Literal["unresolved"]
"""The name cannot be resolved."""
EdgeFaultKind = (
    StartFault | SuddenFault | CertificateFault | RewriteFault | TrafficFault | NameFault
)

EDGE_FAULT_KINDS: tuple[EdgeFaultKind, ...] = tuple(
    kind
    for group in (
        *(StartFault, SuddenFault, CertificateFault, RewriteFault, TrafficFault, NameFault),
    )
    for kind in get_args(group)
)
REWRITES: tuple[RewriteFault, ...] = get_args(RewriteFault)


@dataclass(slots=True)
class EdgeFault:
    """One fault of the public side.

    Attributes:
        kind: What goes wrong.
        host: Whose public name is concerned; empty: everyone's.
        count: How many more times; ``None``: until it is forgotten.
        after_ms: How long it takes, where that means something.
    """

    kind: EdgeFaultKind
    host: str = ""
    count: int | None = None
    after_ms: int = 0


class EdgeFaults:
    """The faults that are in force, oldest first. Event loop only.

    Args:
        unresolved: A file that lists the names that do not resolve, one a line (``*``: all), for
            those who resolve names in other processes; empty if there is none.
    """

    def __init__(self, unresolved: Path) -> None:
        self._faults: list[EdgeFault] = []
        self._unresolved = unresolved
        self._list_unresolved()

    def add(self, fault: EdgeFault) -> None:
        """Let this go wrong from now on."""
        self._faults.append(fault)
        self._list_unresolved()

    def forget(self) -> None:
        """Let nothing more go wrong."""
        self._faults.clear()
        self._list_unresolved()

    def take(self, host: str, *kinds: EdgeFaultKind) -> EdgeFault | None:
        """Return the oldest of these faults that concerns ``host``; it has then happened once."""
        for fault in self._faults:
            if fault.kind not in kinds or fault.host not in ("", host) or fault.count == 0:
                continue
            if fault.count is not None:
                fault.count -= 1
            return fault
        return None

    def resolves(self, host: str) -> bool:
        """Whether the name can be resolved."""
        unresolved = (fault.host for fault in self._faults if fault.kind == "unresolved")
        return not any(name in ("", host) for name in unresolved)

    def _list_unresolved(self) -> None:
        names = [fault.host or "*" for fault in self._faults if fault.kind == "unresolved"]
        self._unresolved.write_text("".join(f"{name}\n" for name in names), "utf-8")
