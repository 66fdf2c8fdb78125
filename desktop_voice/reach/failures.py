"""What can be wrong between the public address and this machine, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.reach import Fix

_RESTART = "Restart the tunnel; if the address is your own, check that it leads to this machine."
_OWN_PROXY = "If a proxy of yours is in between, "


class ReachError(PhoneError):
    """A hop does not work; ``retryable``: it may within seconds, without anybody's help."""

    def __init__(
        self,
        code: str,
        what: str,
        do: str,
        *,
        fix: Fix = Fix.CHECK_AGAIN,
        retryable: bool = False,
    ) -> None:
        super().__init__(code, what, do, retryable=retryable)
        self.fix = fix


# --- the name ---


def no_address() -> ReachError:
    """The public base is none."""
    return ReachError(
        "REACH-01",
        "The public address is not one that a carrier could call.",
        "Enter one like https://phone.example.com in the settings, or choose a tunnel.",
    )


def no_such_name(host: str) -> ReachError:
    """DNS has no address for the name, as a tunnel's does not in its first seconds."""
    return ReachError(
        "REACH-02",
        f"The public name {host} does not exist.",
        "A new name takes up to a minute to be known; if it stays like that, restart the tunnel.",
        fix=Fix.RESTART_TUNNEL,
        retryable=True,
    )


def no_name_server() -> ReachError:
    """Nobody could be asked."""
    return ReachError(
        "REACH-02",
        "No name server answers.",
        "Check this machine's internet connection.",
        retryable=True,
    )


def private_address(host: str, address: str) -> ReachError:
    """The name leads to where no carrier gets."""
    return ReachError(
        "REACH-03",
        f"The public name {host} leads to {address}, which the internet cannot reach.",
        "Use a tunnel, or an address that leads here from outside; a router that gives this name "
        "a private address at home hides whether it works from outside.",
    )


# --- the connection ---


def no_connection(host: str) -> ReachError:
    """No TCP connection."""
    return ReachError(
        "REACH-04",
        f"Nobody takes connections at {host}.",
        "Check the internet connection and firewall of this machine; if the address is your own, "
        "check that its server runs and that its port is open.",
    )


def no_tls(host: str) -> ReachError:
    """Connected, but the other side speaks something else."""
    return ReachError(
        "REACH-05",
        f"{host} does not speak TLS, so https and wss cannot work.",
        "Let your proxy serve https on this port; the carrier accepts nothing else.",
    )


def handshake_refused(host: str) -> ReachError:
    """TLS, but the other side broke it off; a new name may have no certificate yet."""
    return ReachError(
        "REACH-05",
        f"{host} has no certificate to show for this name, or breaks the TLS handshake off.",
        "A new name may take a minute to get its certificate; otherwise check your proxy's TLS.",
        retryable=True,
    )


def expired_certificate(host: str) -> ReachError:
    """Too late."""
    return ReachError(
        "REACH-06",
        f"The certificate of {host} has expired.",
        "Renew it; if it is not yours, check this machine's date and time.",
    )


def early_certificate(host: str) -> ReachError:
    """Too early."""
    return ReachError(
        "REACH-06",
        f"The certificate of {host} is not valid yet.",
        "Check this machine's date and time.",
    )


def wrong_certificate(host: str) -> ReachError:
    """Another's."""
    return ReachError(
        "REACH-07",
        f"The certificate shown at {host} is for another name.",
        "Get a certificate for exactly this name, and let your proxy show it.",
    )


def untrusted_certificate(host: str) -> ReachError:
    """Signed by nobody we know."""
    return ReachError(
        "REACH-08",
        f"The certificate of {host} is not signed by an authority that is trusted.",
        "Use one of a public authority, with its intermediate certificates; on a network that "
        "opens TLS, try another one.",
    )


# --- what is behind the name ---


def tunnel_away(status: int) -> ReachError:
    """The name is the tunnel's, but no tunnel is connected to it."""
    return ReachError(
        "REACH-09",
        f"The public name is known, but no tunnel is connected to it (status {status}).",
        "Wait some seconds after a start; if it stays like that, restart the tunnel.",
        fix=Fix.RESTART_TUNNEL,
        retryable=True,
    )


def nobody_behind(status: int) -> ReachError:
    """The tunnel or the proxy is there, but does not find the listener."""
    return ReachError(
        "REACH-10",
        f"The tunnel is up, but finds nobody behind it (status {status}).",
        "Restart the tunnel, so that it leads to the port that this app listens on; let your own "
        "proxy lead there.",
        fix=Fix.RESTART_TUNNEL,
    )


def redirected(status: int) -> ReachError:
    """Carriers do not follow with their signature intact."""
    return ReachError(
        "REACH-11",
        f"The public address sends webhooks elsewhere (status {status}).",
        "Let the proxy pass requests on instead, and enter the address that it sends them to.",
    )


def not_found() -> ReachError:
    """A 404 that is not ours."""
    return ReachError(
        "REACH-11",
        "Somebody else answers at the public address, and knows no webhook (status 404).",
        f"{_OWN_PROXY}let it pass /api/voice and /call to this machine. {_RESTART}",
        fix=Fix.RESTART_TUNNEL,
    )


def kept_out(status: int) -> ReachError:
    """A login, a firewall or a bot check."""
    return ReachError(
        "REACH-11",
        f"Something before this machine keeps webhooks out (status {status}).",
        "Let /api/voice and /call through without login, bot check or firewall rule.",
    )


def somebody_else(status: int) -> ReachError:
    """Whoever it is, it is not this run of the app."""
    return ReachError(
        "REACH-11",
        f"Somebody else answers at the public address (status {status}), not this app.",
        _RESTART,
        fix=Fix.RESTART_TUNNEL,
    )


def changed(changes: Sequence[str]) -> ReachError:
    """It arrived here, but not as it was sent, so that no carrier's signature would hold."""
    return ReachError(
        "REACH-12",
        f"A proxy on the way changes requests, so no carrier's signature holds: it "
        f"{', '.join(changes)}.",
        "Let the proxy pass path, query, headers, Host and body on as they come.",
    )


def another_host(host: str) -> ReachError:
    """It arrived as it was sent, but the listener answers for another base."""
    return ReachError(
        "REACH-13",
        f"Requests arrive, but this app does not answer for {host}.",
        "Check that the public address in the settings is the one that leads here.",
    )


def no_answer() -> ReachError:
    """Connected, sent, and then nothing."""
    return ReachError(
        "REACH-14",
        "The public address took the webhook, and no answer came back.",
        f"Check again. {_RESTART}",
        fix=Fix.RESTART_TUNNEL,
    )


def too_slow() -> ReachError:
    """No time was left."""
    return ReachError(
        "REACH-14",
        "The round trip through the public address took too long.",
        "Check the internet connection, then check again.",
    )


# --- sound ---


def no_socket(status: int) -> ReachError:
    """Webhooks come in, but the upgrade does not."""
    return ReachError(
        "REACH-15",
        f"Webhooks arrive, but sockets for sound do not (status {status} instead of 101).",
        "Let the proxy pass WebSocket upgrades at /call on to this machine.",
    )


def no_sound(came: int, sent: int) -> ReachError:
    """The socket opened, but frames were lost."""
    return ReachError(
        "REACH-16",
        f"Sound does not come back: {came} of {sent} frames did.",
        "Check again; if a proxy of yours is in between, let it pass WebSocket messages at once.",
    )


def wrong_sound() -> ReachError:
    """Frames came back in another order, or as others."""
    return ReachError(
        "REACH-16",
        "Sound comes back changed or in another order.",
        "Let the proxy pass WebSocket messages on as they come.",
    )


def broken_off(error: str) -> ReachError:
    """The check itself failed; ``error`` is a type's name."""
    return ReachError(
        "REACH-17",
        f"The check of the public address broke off ({error}).",
        "Check again; if it happens again, report it.",
    )


# --- the service ---


def no_tunnel() -> PhoneError:
    """The settings want none, and there is no address either."""
    return PhoneError(
        "REACH-27",
        "There is no tunnel and no public address, so the carrier cannot reach this machine.",
        "Choose a tunnel, or enter a public address, in the settings.",
    )


def slow_tunnel() -> PhoneError:
    """It still comes up."""
    return PhoneError(
        "REACH-28",
        "The tunnel is not up yet.",
        "Wait a moment; if it stays like that, restart it or choose another one.",
        retryable=True,
    )


def not_left(*, is_end: bool) -> PhoneError:
    """A number still leads here, where its calls are not wanted; ``is_end``: the app closes."""
    where = "its callers reach nobody now" if is_end else "its calls still lead to this app"
    again = "Start the app again" if is_end else "Choose it here again, with its account's keys"
    return PhoneError(
        "REACH-26",
        f"The number could not be given back at the carrier: {where}.",
        f"{again}, or set the number's webhook in the carrier's console.",
    )


def only_the_user_can_help(problem: PhoneError) -> bool:
    """Whether a tunnel's failure stays until the user does something in this app.

    It is tried again then anyway; until then a try would only cost: a download, a refusal.
    """
    return problem.code in _USERS_OWN or problem.code.startswith("VAULT-")


_USERS_OWN = frozenset({"TUNNEL-04", "TUNNEL-09", "REACH-27"})
