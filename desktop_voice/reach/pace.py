"""The pace of reach: how long the way in may take, and how often it is looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

from desktop_voice.tunnel.program_tunnel import TunnelPace


@dataclass(frozen=True, slots=True)
class ReachPace:
    """How long reach waits; the real world's, unless a test has a quicker one.

    Attributes:
        base_s: For a tunnel to come up, without the download of its program.
        fetch_s: The same with the download.
        repair_s: For a tunnel that has a passing problem; one that ended is up again sooner.
        patience_s: For a new public name, which is not known everywhere at once.
        tick_s: Between two looks at the clock.
        look_every_s: Between two looks at every hop while all is well.
        look_again_s: The same while something is broken: after the first look, the second ...
        open_again_s: Between two tries, by itself, of a tunnel that failed for good.
        tunnel: Of the tunnel's program.
    """

    base_s: float = 60.0
    fetch_s: float = 900.0
    repair_s: float = 5.0
    patience_s: float = 30.0
    tick_s: float = 5.0
    look_every_s: float = 300.0
    look_again_s: tuple[float, ...] = (10.0, 20.0, 40.0, 60.0)
    open_again_s: float = 60.0
    tunnel: TunnelPace = field(default_factory=TunnelPace)
