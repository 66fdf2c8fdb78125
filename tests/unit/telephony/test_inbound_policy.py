"""Inbound policy: exactly those who may get in, whatever a caller's number looks like."""

from __future__ import annotations

import itertools

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from desktop_voice.core.calls import EndReason
from desktop_voice.core.phone_settings import InboundPolicy, InboundSettings
from desktop_voice.telephony.inbound_policy import (
    Admission,
    Admit,
    AskPairing,
    Refuse,
    Trust,
    admit,
    caller_number,
)

ANN, BEN, PAT = "+14155550123", "+442071838750", "+4930123456"
"""On the list; on the list; paired."""
LISTED = [ANN, BEN]
UNKNOWN_TO_TABLES = "+15559876543"
"""In E.164, but no table of valid numbers holds it."""
STRANGERS = [
    # Twins: a listed number with something more, less or else.
    *("+14155550124", "+14155550132", "+14155551123", "+15155550123"),
    *("+442071838751", "+442071838760", "+49301234567", "+4930123457", "+14085550123"),
    *("+33123456789", "+12125550123", "+16505551212", "+18005551234", "+61212345678"),
    *("+819012345678", "+5511987654321", "+2348012345678", "+919876543210", "+971501234567"),
    *("+19005551234", "+881612345678"),
]
WITHHELD = [
    *("", " ", "+", "anonymous", "Anonymous", "ANONYMOUS", "restricted", "unknown", "unavailable"),
    *("private", "withheld", "null", "None", "undefined", "0", "+0", "911", "112", "+1911"),
    # What carriers send in place of a withheld number: the word on a telephone's keys.
    *("+266696687", "+7378742883", "+2562533", "+8656696", "+86282452253"),
    *("266696687", "7378742883", "2562533", "8656696", "86282452253"),
    # Listed numbers in disguise.
    *("14155550123", "4155550123", "0014155550123", "01114155550123", "++14155550123"),
    *(" +14155550123", "+14155550123 ", "+14155550123\n", "\n+14155550123", "\t+14155550123"),
    *("+1 415 555 0123", "+1-415-555-0123", "+1(415)5550123", "(415) 555-0123", "+1.4155550123"),
    *(
        "＋14155550123",
        "+１４１５５５５０１２３",
        "+1415555012３",
        "+١٤١٥٥٥٥٠١٢٣",
        "+14155550123\u200b",
    ),
    *("\u202a+14155550123\u202c", "\ufeff+14155550123", "+14155550123\x00", "\x00+14155550123"),
    *("+1415\x005550123", "+14155550123;ext=1", "+14155550123x5", "+14155550123 ext. 5"),
    *("+14155550123#", "+14155550123*", "+14155550123,", "+14155550123;", "+14155550123,123"),
    *("tel:+14155550123", "sip:+14155550123@example.com", "sips:+14155550123@example.com"),
    *("client:+14155550123", "whatsapp:+14155550123", "<sip:+14155550123@example.com>"),
    *('"Ann" <+14155550123>', "+14155550123@example.com", "%2B14155550123", "+14155550123%00"),
    *("+14155550123,+442071838750", "['+14155550123']", '["+14155550123"]', "+14155550123|x"),
    *("+1415555012", "+141555501234", "+14155550123123", "+1234567890123456", "+12345678901234567"),
    *("+1415555O123", "+1415555012E", "+0014155550123", "+04155550123", "-14155550123", "+1415"),
    *("+14155550123' OR '1'='1", "+%", "*", ".*", "+1415555%", "+" + "1" * 5000, "\ud800"),
]
CALLERS = [*LISTED, PAT, *STRANGERS, *WITHHELD]
ATTESTATIONS = ["", "A", "B", "C", "failed", "a", "D", "TN-Validation-Failed-A", "none "]


def inbound(policy: InboundPolicy) -> InboundSettings:
    return InboundSettings(policy=policy, allow_from=LISTED)


def reference(
    number: str, attestation: str, policy: str, listed: list[str], is_paired: bool
) -> Admission:
    """The rule once more, in other words."""
    if policy == "disabled":
        return Refuse(EndReason.INBOUND_DISABLED)
    digits = number[1:]
    is_plain = number[:1] == "+" and 7 <= len(digits) <= 15 and set(digits) <= set("0123456789")
    if not is_plain or digits[0] == "0" or attestation not in ("", "A", "B", "C"):
        return Refuse(EndReason.CALLER_WITHHELD)
    try:
        is_valid = phonenumbers.is_valid_number(phonenumbers.parse(f"+{int(digits)}"))
    except phonenumbers.NumberParseException:
        is_valid = False
    if not is_valid and number not in [entry for entry in listed if entry not in WITHHELD]:
        return Refuse(EndReason.CALLER_WITHHELD)
    known = any(number == entry for entry in listed) or (is_paired and policy != "allowlist")
    strangers: dict[str, Admission] = {
        "allowlist": Refuse(EndReason.CALLER_NOT_ALLOWED),
        "pairing": AskPairing(),
        "open": Admit(Trust.GUEST),
    }
    return Admit(Trust.KNOWN) if known else strangers[policy]


def test_the_table_has_four_hundred_cases() -> None:
    assert len(set(CALLERS)) == len(CALLERS)
    assert len(CALLERS) * len(InboundPolicy) >= 400


@pytest.mark.parametrize(
    ("policy", "caller"), list(itertools.product(InboundPolicy, CALLERS)), ids=ascii
)
def test_each_caller_is_admitted_or_refused_as_the_policy_says(
    policy: InboundPolicy, caller: str
) -> None:
    expected: Admission
    if policy is InboundPolicy.DISABLED:
        expected = Refuse(EndReason.INBOUND_DISABLED)
    elif caller in WITHHELD:
        expected = Refuse(EndReason.CALLER_WITHHELD)
    elif caller in LISTED or (caller == PAT and policy is not InboundPolicy.ALLOWLIST):
        expected = Admit(Trust.KNOWN)
    elif policy is InboundPolicy.ALLOWLIST:
        expected = Refuse(EndReason.CALLER_NOT_ALLOWED)
    elif policy is InboundPolicy.PAIRING:
        expected = AskPairing()
    else:
        expected = Admit(Trust.GUEST)
    assert admit(caller, "", inbound(policy), caller == PAT) == expected


@pytest.mark.parametrize("attestation", ATTESTATIONS)
def test_a_number_that_failed_its_attestation_counts_as_withheld(attestation: str) -> None:
    for policy in (InboundPolicy.ALLOWLIST, InboundPolicy.PAIRING, InboundPolicy.OPEN):
        result = admit(ANN, attestation, inbound(policy), is_paired=True)
        if attestation in ("", "A", "B", "C"):
            assert result == Admit(Trust.KNOWN)
        else:
            assert result == Refuse(EndReason.CALLER_WITHHELD)


def test_nobody_calls_in_before_the_user_chose() -> None:
    assert admit(ANN, "A", InboundSettings(allow_from=[ANN]), True) == Refuse(
        EndReason.INBOUND_DISABLED
    )


@pytest.mark.parametrize("policy", [*InboundPolicy][1:])
def test_a_listed_number_is_let_in_though_no_table_holds_it(policy: InboundPolicy) -> None:
    chosen = InboundSettings(policy=policy, allow_from=[UNKNOWN_TO_TABLES])
    assert admit(UNKNOWN_TO_TABLES, "", chosen, False) == Admit(Trust.KNOWN)
    assert caller_number(UNKNOWN_TO_TABLES, chosen) == UNKNOWN_TO_TABLES
    withheld = Refuse(EndReason.CALLER_WITHHELD)
    assert admit(UNKNOWN_TO_TABLES, "D", chosen, False) == withheld
    for other in ("+15559876544", "15559876543", " +15559876543", "+15559876543\n"):
        assert admit(other, "", chosen, False) == withheld
    assert admit(UNKNOWN_TO_TABLES, "", inbound(policy), False) == withheld


def test_a_withheld_number_gets_nobody_in_though_it_is_listed() -> None:
    anonymous = "+266696687"
    chosen = InboundSettings(policy=InboundPolicy.ALLOWLIST, allow_from=[anonymous])
    assert admit(anonymous, "", chosen, False) == Refuse(EndReason.CALLER_WITHHELD)
    assert not caller_number(anonymous, chosen)


NUMBERS = st.one_of(
    st.sampled_from([*CALLERS, UNKNOWN_TO_TABLES]),
    st.from_regex(r"\A\+1[2-9][0-9]{9}\Z"),
    st.from_regex(r"\A\+[0-9]{6,17}\Z"),
    st.builds(
        lambda number, at, what: number[:at] + what + number[at:],
        st.sampled_from([ANN, BEN, PAT]),
        st.integers(0, 13),
        st.text(max_size=2),
    ),
    st.text(max_size=20),
)


@settings(max_examples=2000, deadline=None)
@given(
    number=NUMBERS,
    attestation=st.sampled_from(ATTESTATIONS),
    policy=st.sampled_from(InboundPolicy),
    listed=st.lists(
        st.sampled_from([*LISTED, PAT, "+12125550123", UNKNOWN_TO_TABLES, "+266696687"]), max_size=4
    ),
    is_paired=st.booleans(),
)
@example(ANN + "\n", "", InboundPolicy.OPEN, [ANN], True)
def test_it_agrees_with_the_rule_in_other_words(
    number: str, attestation: str, policy: InboundPolicy, listed: list[str], is_paired: bool
) -> None:
    chosen = InboundSettings(policy=policy, allow_from=listed)
    expected = reference(number, attestation, policy.value, listed, is_paired)
    assert admit(number, attestation, chosen, is_paired) == expected
