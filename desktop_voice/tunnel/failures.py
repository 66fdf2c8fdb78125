"""What can be wrong with a tunnel, in plain words."""

from __future__ import annotations

from desktop_voice.core.errors import PhoneError
from desktop_voice.tunnel.leash import NEVER_RUNS


def missing_cloudflared() -> PhoneError:
    """The program is not on this machine, and nobody allowed its download yet."""
    return PhoneError(
        "TUNNEL-01", "The tunnel program cloudflared is not installed.", "Download cloudflared."
    )


def missing_program(name: str, where: str) -> PhoneError:
    """A program that this app does not fetch is not there."""
    return PhoneError(
        "TUNNEL-02",
        f"The tunnel program {name} is not installed.",
        f"Install it from {where}, or choose another tunnel.",
    )


def download_failed(why: str, *, retryable: bool = False) -> PhoneError:
    """The download did not come; ``retryable``: the network was at fault."""
    do = "Try again later, or install cloudflared yourself."
    if retryable:
        do = "Check the internet connection; it is tried again by itself."
    what = f"cloudflared could not be downloaded: {why}."
    return PhoneError("TUNNEL-03", what, do, retryable=retryable)


def wrong_file(why: str) -> PhoneError:
    """What came, or what lies here, is not what was published."""
    return PhoneError(
        "TUNNEL-04",
        f"The file of cloudflared is not the one that Cloudflare published: {why}.",
        "Nothing of it was run. Download cloudflared again, on another network if it comes back.",
    )


def unwritable(why: str) -> PhoneError:
    """The folder for the program does not take it."""
    return PhoneError(
        "TUNNEL-05",
        f"cloudflared cannot be written to this disk: {why}.",
        "Check the folder of the app's cache, then try again.",
    )


def disk_full() -> PhoneError:
    """There is no room for the program."""
    return PhoneError(
        "TUNNEL-05",
        "There is not enough disk space for cloudflared, which needs 120 MB.",
        "Free some space, then try again.",
    )


def ended(name: str, why: str = "") -> PhoneError:
    """The program ended by itself."""
    return PhoneError(
        "TUNNEL-06",
        f"The tunnel program {name} ended{f': {why}' if why else ''}.",
        "It is started again; if this goes on, restart the tunnel or choose another one.",
        retryable=True,
    )


def cannot_run(name: str) -> PhoneError:
    """The system refuses to run the program."""
    return PhoneError(
        "TUNNEL-06",
        f"The tunnel program {name} cannot be run.",
        "Remove it and install it again, for this kind of machine.",
    )


def not_started(name: str, error: OSError) -> PhoneError:
    """The system did not start the program: it never does, or it could not this time."""
    if error.errno in NEVER_RUNS:
        return cannot_run(name)
    why = error.strerror or "an error of the system"
    return PhoneError(
        "TUNNEL-06",
        f"The tunnel program {name} could not be started: {why}.",
        "It is tried again by itself; end other programs if memory or open files run short.",
        retryable=True,
    )


def never_ready(name: str, seconds: float, *, advice: str = "") -> PhoneError:
    """It runs, but it never connected."""
    return PhoneError(
        "TUNNEL-07",
        f"The tunnel did not connect within {seconds:.0f} seconds.",
        advice or f"Check the internet connection and whether a firewall blocks {name}.",
        retryable=True,
    )


def udp_blocked() -> PhoneError:
    """QUIC does not get through."""
    return PhoneError(
        "TUNNEL-07",
        "The tunnel cannot connect: this network seems to block UDP.",
        "Connect over TCP: set the protocol of cloudflared to http2.",
        retryable=True,
    )


def lost(name: str, seconds: float) -> PhoneError:
    """It was connected, and has not been for long."""
    return PhoneError(
        "TUNNEL-08",
        f"{name} has had no connection for {seconds:.0f} seconds.",
        "It is started again; check the internet connection.",
        retryable=True,
    )


def no_network(name: str) -> PhoneError:
    """The program finds nobody."""
    return PhoneError(
        "TUNNEL-08",
        f"{name} cannot reach the internet.",
        "Check the internet connection; it is tried again by itself.",
        retryable=True,
    )


def token_refused(name: str, do: str) -> PhoneError:
    """The provider does not accept the token, or there is none."""
    return PhoneError("TUNNEL-09", f"{name} has no valid token for this tunnel.", do)


def rate_limited(name: str) -> PhoneError:
    """The provider wants fewer tunnels."""
    return PhoneError(
        "TUNNEL-10",
        f"{name} gives out no further tunnel at the moment.",
        "Wait some minutes; it is tried again. A named tunnel of your own has no such limit.",
        retryable=True,
    )


def bad_name(name: str) -> PhoneError:
    """The program names an address that cannot be its own."""
    return PhoneError(
        "TUNNEL-11",
        f"{name} named a public address that cannot be right, so it was stopped.",
        "Restart the tunnel; if this comes back, install the program again.",
    )


def refused_address(why: str) -> PhoneError:
    """The user's own address is none that a carrier could reach."""
    return PhoneError(
        "TUNNEL-12",
        f"The public address cannot be used: {why}.",
        "Enter an address that the internet reaches, like https://phone.example.com, or leave it "
        "empty and use a tunnel.",
    )


def leads_inside(host: str) -> PhoneError:
    """The user's own name leads where no carrier gets, as every name does on a new Wi-Fi."""
    return PhoneError(
        "TUNNEL-12",
        f"The name {host} of the public address leads to a private network or to this machine.",
        "Check its DNS entry, and whether this network wants you to log in first; it is tried "
        "again by itself.",
        retryable=True,
    )


def unresolved_address(host: str) -> PhoneError:
    """Nobody knows the user's own name now."""
    return PhoneError(
        "TUNNEL-13",
        f"The name {host} of the public address is not known on the internet now.",
        "Check its DNS entry and the internet connection; it is tried again by itself.",
        retryable=True,
    )


def not_allowed(name: str, what: str, do: str, *, retryable: bool = False) -> PhoneError:
    """The provider's own rules or state stand in the way."""
    return PhoneError("TUNNEL-14", f"{name}: {what}.", do, retryable=retryable)
