"""Diagnoses: what a carrier's refusal means and what to do about it, in plain words.

Nothing here repeats a carrier's own message: those hold phone numbers and account ids. The
carrier's numeric code is kept, for its documentation.
"""

from __future__ import annotations

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError

_TITLES = {
    CarrierName.TWILIO: "Twilio",
    CarrierName.TELNYX: "Telnyx",
    CarrierName.PLIVO: "Plivo",
}
_KEY_ADVICE = {
    CarrierName.TWILIO: "Auth Token mismatch: regenerate it in the Twilio Console under "
    "“API keys & tokens” and store it again as twilio_auth_token.",
    CarrierName.TELNYX: "Make a new API key in the Telnyx portal under “API Keys” and store it "
    "again as telnyx_api_key.",
    CarrierName.PLIVO: "Auth Token mismatch: copy Auth ID and Auth Token again from the Plivo "
    "console's overview and store them as plivo_auth_id and plivo_auth_token.",
}
_ACCOUNT_SECRETS = {
    CarrierName.TWILIO: ("Account SID", "twilio_account_sid"),
    CarrierName.TELNYX: ("connection id", "telnyx_connection_id"),
    CarrierName.PLIVO: ("Auth ID", "plivo_auth_id"),
}
FORBIDDEN = "CARRIER-04"
NOT_IN_PROGRESS = "CARRIER-16"
GOVERNED_ELSEWHERE = frozenset({"CARRIER-21", "CARRIER-29"})
"""Something else at the carrier has the number; it can be taken over on the user's word."""
_TAKE_OVER = "Send its calls here in the phone set-up, type “desktop-voice setup phone --take-over”"
SUSPENDED = "CARRIER-27"


class UncertainError(PhoneError):
    """The carrier may or may not have done what it was asked: no answer, or a broken one."""


def title_of(carrier: CarrierName) -> str:
    """Return the carrier's name as people write it."""
    return _TITLES[carrier]


def secret_missing(carrier: CarrierName, entry: str) -> PhoneError:
    """The vault has no ``entry``."""
    return PhoneError(
        "CARRIER-01",
        f"{title_of(carrier)} cannot be used: {entry} is not in the vault.",
        f"Store it with “desktop-voice vault set {entry}” or in the settings under Vault.",
    )


def secret_malformed(carrier: CarrierName, entry: str, shape: str) -> PhoneError:
    """The vault's ``entry`` cannot be right; ``shape`` says what it looks like."""
    return PhoneError(
        "CARRIER-02",
        f"{entry} in the vault is not a {title_of(carrier)} key: it has the wrong form.",
        f"It must be {shape}. Copy it again from the {title_of(carrier)} console.",
    )


def key_refused(carrier: CarrierName) -> PhoneError:
    """HTTP 401."""
    return PhoneError(
        "CARRIER-03",
        f"{title_of(carrier)} did not accept the key (401).",
        _KEY_ADVICE[carrier],
    )


def account_forbidden(carrier: CarrierName) -> PhoneError:
    """HTTP 403 that is about the account."""
    return PhoneError(
        FORBIDDEN,
        f"{title_of(carrier)} forbids this account to do that (403).",
        "The account may be suspended, the token an old one, or it belongs to a sub-account: "
        f"verify all three in the {title_of(carrier)} console.",
    )


def account_unknown(carrier: CarrierName) -> PhoneError:
    """HTTP 404 for the account itself."""
    name, entry = _ACCOUNT_SECRETS[carrier]
    return PhoneError(
        "CARRIER-05",
        f"{title_of(carrier)} does not know this {name} (404).",
        f"The {name} is invalid: check the vault secret {entry}.",
    )


def no_number(carrier: CarrierName) -> PhoneError:
    """The account has no number that can carry voice."""
    return PhoneError(
        "CARRIER-06",
        f"No phone number detected: the {title_of(carrier)} account has none for voice.",
        f"Buy one in the {title_of(carrier)} console.",
    )


def trial_number(carrier: CarrierName) -> PhoneError:
    """A trial account may call verified numbers only."""
    return PhoneError(
        "CARRIER-07",
        f"This {title_of(carrier)} account is a trial: it may call only numbers that you verified.",
        f"Verify the number in the {title_of(carrier)} console, or upgrade the account.",
    )


def country_closed(carrier: CarrierName) -> PhoneError:
    """The destination's country is not enabled."""
    return PhoneError(
        "CARRIER-08",
        f"{title_of(carrier)} does not allow this account to call that country.",
        f"Allow the country in the {title_of(carrier)} console under voice geo permissions.",
    )


def too_many_requests(carrier: CarrierName) -> PhoneError:
    """HTTP 429; nothing was done."""
    return PhoneError(
        "CARRIER-09",
        f"{title_of(carrier)} was asked too often in a short time (429) and did nothing.",
        "Wait a minute and try again.",
        retryable=True,
    )


def too_many_calls(carrier: CarrierName) -> PhoneError:
    """The account's limit of simultaneous calls is reached."""
    return PhoneError(
        "CARRIER-10",
        f"{title_of(carrier)} allows this account no further call at the same time.",
        "Wait for a call to end; trial and unverified accounts may have one call only.",
        retryable=True,
    )


def unreachable(carrier: CarrierName) -> PhoneError:
    """No connection; nothing was done."""
    return PhoneError(
        "CARRIER-11",
        f"{title_of(carrier)} cannot be reached.",
        "Check the internet connection, a firewall or a proxy, and try again.",
        retryable=True,
    )


def no_answer(carrier: CarrierName) -> UncertainError:
    """The connection broke, stalled or brought rubbish after the request was sent."""
    return UncertainError(
        "CARRIER-12",
        f"{title_of(carrier)} did not answer in time, or not wholly.",
        "Check the internet connection and try again.",
        retryable=True,
    )


def call_uncertain(carrier: CarrierName) -> PhoneError:
    """A create whose fate stays unknown even after looking for the call."""
    return PhoneError(
        "CARRIER-13",
        f"It is unknown whether {title_of(carrier)} placed the call: its answer was lost, and "
        "the call is not in its list.",
        f"Look at the call log in the {title_of(carrier)} console before you call again.",
    )


def callee_invalid(carrier: CarrierName) -> PhoneError:
    """The number to call is not one."""
    return PhoneError(
        "CARRIER-14",
        f"{title_of(carrier)} says that the number cannot be called.",
        "Check the number; it must be written in full, like +14155550123.",
    )


def caller_id_refused(carrier: CarrierName) -> PhoneError:
    """Our own number is not one of the account's."""
    return PhoneError(
        "CARRIER-15",
        f"{title_of(carrier)} does not let this account call from that number.",
        "Choose one of the account's own voice numbers in the settings under Phone.",
    )


def call_not_in_progress(carrier: CarrierName) -> PhoneError:
    """The call is not in a state in which that can be done."""
    return PhoneError(
        NOT_IN_PROGRESS,
        f"{title_of(carrier)} says that the call is not going on, so nothing was changed.",
        "Wait until the call is answered; if it is over, there is nothing to do.",
    )


def webhook_unreachable(carrier: CarrierName) -> PhoneError:
    """The carrier could not fetch our webhook, or refuses its address."""
    return PhoneError(
        "CARRIER-17",
        f"{title_of(carrier)} cannot reach this app's public address.",
        "Check that the public URL is reachable from outside: the tunnel runs, the network and "
        "the firewall let it through, and the settings name the same address.",
        retryable=True,
    )


def refused(carrier: CarrierName, status: int, code: str = "") -> PhoneError:
    """Anything else; ``code`` is the carrier's own number for it."""
    number = f"{status}, code {code}" if code.isascii() and code.isalnum() else str(status)
    return PhoneError(
        "CARRIER-18",
        f"{title_of(carrier)} refused the request ({number}).",
        f"Look the code up in {title_of(carrier)}'s documentation or its console's log.",
    )


def call_unknown(carrier: CarrierName) -> PhoneError:
    """HTTP 404 for a call or a number."""
    return PhoneError(
        "CARRIER-19",
        f"{title_of(carrier)} does not know this call or number any more.",
        "Nothing needs to be done if the call is over; otherwise look at the carrier's console.",
    )


def not_possible(carrier: CarrierName, capability: str, do: str) -> PhoneError:
    """The carrier lacks a capability; ``capability`` completes "cannot ..."."""
    return PhoneError("CARRIER-20", f"{title_of(carrier)} cannot {capability}.", do)


def webhook_governed_elsewhere(carrier: CarrierName, by: str) -> PhoneError:
    """A number's webhook has no effect, because ``by`` takes its calls."""
    return PhoneError(
        "CARRIER-21",
        f"The number's calls go to {by} at {title_of(carrier)}, so its webhook has no effect.",
        f"{_TAKE_OVER}, or take the number off {by} in the {title_of(carrier)} console.",
    )


def no_credit(carrier: CarrierName) -> PhoneError:
    """The account's money is used up."""
    return PhoneError(
        "CARRIER-22",
        f"The {title_of(carrier)} account has not enough credit.",
        f"Add credit in the {title_of(carrier)} console.",
    )


def carrier_failed(carrier: CarrierName, status: int) -> UncertainError:
    """HTTP 5xx."""
    return UncertainError(
        "CARRIER-23",
        f"{title_of(carrier)} has a fault of its own at the moment ({status}).",
        "Try again in a minute; the carrier's status page may say more.",
        retryable=True,
    )


def no_keys(carrier: CarrierName) -> PhoneError:
    """Digits that no telephone has."""
    return PhoneError(
        "CARRIER-24",
        f"{title_of(carrier)} was not asked: these are no telephone keys.",
        "Use 0 to 9, *, #, A to D, and w for a pause of half a second.",
    )


def account_suspended(carrier: CarrierName) -> PhoneError:
    """The account exists, and is not allowed anything."""
    return PhoneError(
        SUSPENDED,
        f"The {title_of(carrier)} account is suspended: no call comes in or goes out.",
        f"Pay what is owed in the {title_of(carrier)} console under billing; if nothing is, ask "
        f"{title_of(carrier)}'s support why.",
    )


def account_closed(carrier: CarrierName) -> PhoneError:
    """The account is no more."""
    return PhoneError(
        "CARRIER-28",
        f"The {title_of(carrier)} account is closed for good.",
        f"Open another {title_of(carrier)} account, or ask its support, and store the new keys.",
    )


def number_assigned_elsewhere(carrier: CarrierName, to: str) -> PhoneError:
    """Another application of the account has the number; ``to`` names what kind of thing it is."""
    return PhoneError(
        "CARRIER-29",
        f"The number belongs to {to} at {title_of(carrier)}, which gets its calls instead of "
        "this app.",
        f"{_TAKE_OVER}, or assign the number in the {title_of(carrier)} console.",
    )


def number_without_voice(carrier: CarrierName) -> PhoneError:
    """The number is for messages only."""
    return PhoneError(
        "CARRIER-30",
        f"This number cannot carry calls: {title_of(carrier)} gave it to you without voice.",
        f"Choose another number, or buy one with voice in the {title_of(carrier)} console.",
    )


def number_of_sub_account(carrier: CarrierName) -> PhoneError:
    """A sub-account has the number, and signs its webhooks with a token of its own."""
    return PhoneError(
        "CARRIER-31",
        f"This number belongs to a sub-account of the {title_of(carrier)} account, whose calls "
        "this app could not verify.",
        f"Take it back in the {title_of(carrier)} console, or store the sub-account's keys.",
    )


def away_incomplete(carrier: CarrierName, what: str) -> PhoneError:
    """The settings want something for the time away that needs ``what``."""
    return PhoneError(
        "CARRIER-32",
        f"What {title_of(carrier)} is to do for callers while this app is closed needs {what}.",
        f"Enter {what} in the settings under Phone, or choose something else there.",
    )


def trial_account(carrier: CarrierName) -> PhoneError:
    """The account is a trial: a warning."""
    return PhoneError(
        "CARRIER-33",
        f"This {title_of(carrier)} account is a trial: it may call only numbers that you verified, "
        "and callers may hear a notice of the trial first.",
        f"For all other calls upgrade the account in the {title_of(carrier)} console.",
    )
