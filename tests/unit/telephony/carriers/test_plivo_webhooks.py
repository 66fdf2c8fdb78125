from __future__ import annotations

import random
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from plivo.utils import signature_v3

from desktop_voice.core.calls import EndReason
from desktop_voice.telephony.carriers.carrier import (
    CarrierEvent,
    CarrierEventKind,
    WebhookRefusedError,
    WebhookRequest,
)
from desktop_voice.telephony.carriers.credentials import PlivoCredentials
from desktop_voice.telephony.carriers.plivo_webhooks import PlivoWebhooks
from tests.helpers.webhook_cases import Pairs, forged, mutations, posted, random_form

AUTH_ID = "MA0123456789ABCDEFGH"
TOKEN = "ZDk4NzY1NDMyMTBhYmNkZWYwMTIzNDU2Nzg5MGFi"
CALL_UUID = "0b3e7c1a-8d2f-4c55-9a66-1f2e3d4c5b6a"
BASE = "https://phone.example.com/api/voice/webhook/plivo"
HEADER, NONCE_HEADER = "x-plivo-signature-v3", "x-plivo-signature-v3-nonce"
NONCE = "05429567804466091622"
CALL = [
    ("CallUUID", CALL_UUID),
    ("From", "14155550123"),
    ("To", "14155550100"),
    ("CallStatus", "in-progress"),
    ("Direction", "outbound"),
    ("InputType", "speech"),
    ("Speech", "yes, please & thank you"),
]


@pytest.fixture
def webhooks() -> PlivoWebhooks:
    return PlivoWebhooks(PlivoCredentials(AUTH_ID, TOKEN))


def signature_of(url: str, pairs: Pairs, token: str = TOKEN, nonce: str = NONCE) -> str:
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    base = signature_v3.construct_post_url(url, fields).decode()
    made: bytes = signature_v3.get_signature_v3(token.encode(), base, nonce)
    return made.decode()


def sign(
    url: str, pairs: Pairs, token: str = TOKEN, nonce: str = NONCE
) -> dict[str, tuple[str, ...]]:
    return {HEADER: (signature_of(url, pairs, token, nonce),), NONCE_HEADER: (nonce,)}


def signed(url: str, pairs: Pairs) -> WebhookRequest:
    return posted(url, pairs, sign(url, pairs))


def is_accepted(webhooks: PlivoWebhooks, request: WebhookRequest) -> bool:
    try:
        webhooks.verify(request)
    except WebhookRefusedError:
        return False
    return True


def told(webhooks: PlivoWebhooks, query: str, **fields: str) -> CarrierEvent:
    request = signed(f"{BASE}{query}", [("CallUUID", CALL_UUID), *fields.items()])
    webhooks.verify(request)
    return webhooks.parse(request)


def test_all_that_the_official_library_signs_is_accepted(webhooks: PlivoWebhooks) -> None:
    dice = random.Random(1)  # noqa: S311
    hosts = ("phone.example.com", "phone.example.com:8443", "phone.example.com:443")
    queries = ("", "?call=01ab&at=gather&turn=x-Y_z", "?b=&a=x%20y", "?b=2&a=1&a=0")
    for _ in range(1200):
        url = f"https://{dice.choice(hosts)}/api/voice/webhook/plivo{dice.choice(queries)}"
        pairs, nonce = random_form(dice), str(dice.randrange(10**20))
        request = posted(url, pairs, sign(url, pairs, nonce=nonce))
        form = {name: [v for n, v in pairs if n == name] for name, _ in pairs}
        assert signature_v3.validate_v3_signature(
            "POST", url, nonce, TOKEN, request.headers[HEADER][0], form
        )
        webhooks.verify(request)


def test_one_of_several_signatures_is_enough(webhooks: PlivoWebhooks) -> None:
    own = signature_of(BASE, list(CALL))
    other = signature_of(BASE, list(CALL), "another token of the main account")
    for listed in (f"{own},{other}", f"{other},{own}", f"{other}, {own}"):
        headers = {HEADER: (listed,), NONCE_HEADER: (NONCE,)}
        webhooks.verify(posted(BASE, list(CALL), headers))


def test_no_forgery_is_accepted(webhooks: PlivoWebhooks) -> None:
    url = f"{BASE}?call=01ab&at=gather&turn=n-1"
    cases = forged(url, list(CALL), TOKEN, sign, (HEADER, NONCE_HEADER))
    genuine = signed(url, list(CALL))
    own = genuine.headers[HEADER][0]
    nine = {**genuine.headers, HEADER: (",".join([own] * 9),)}
    old = {"x-plivo-signature-v2": (own,), "x-plivo-signature-v2-nonce": (NONCE,)}
    main = {"x-plivo-signature-ma-v3": (own,), NONCE_HEADER: (NONCE,)}
    other_nonce = {**sign(url, list(CALL), nonce="7"), NONCE_HEADER: (NONCE,)}
    cases += [
        ("nine signatures", replace(genuine, headers=nine)),
        ("V2 only", posted(url, list(CALL), old)),
        ("main account's header only", posted(url, list(CALL), main)),
        ("signed with another nonce", posted(url, list(CALL), other_nonce)),
    ]

    webhooks.verify(genuine)
    accepted = [what for what, request in cases if is_accepted(webhooks, request)]

    assert len(cases) >= 250
    assert accepted == []


def test_no_single_byte_can_be_changed(webhooks: PlivoWebhooks) -> None:
    dice = random.Random(2)  # noqa: S311
    genuine = signed(f"{BASE}?call=01ab&at=gather&turn=n-1", list(CALL))
    webhooks.verify(genuine)
    accepted = [
        mutant
        for mutant in mutations(dice, genuine, (HEADER, NONCE_HEADER), 100_000)
        if is_accepted(webhooks, mutant) and mutant != genuine
    ]
    # The same escape may be spelled in capitals or not; nothing else may differ.
    for mutant in accepted:
        assert (mutant.url, mutant.headers) == (genuine.url, genuine.headers)
        assert sorted(parse_qsl(mutant.body.decode(), keep_blank_values=True)) == sorted(CALL)


HANGUPS = {
    "0": EndReason.FAR_END_HUNG_UP,
    "1000": EndReason.CANCELLED,
    "1010": EndReason.CARRIER_REFUSED,
    "2030": EndReason.CARRIER_REFUSED,
    "3010": EndReason.BUSY,
    "3020": EndReason.REJECTED,
    "4000": EndReason.FAR_END_HUNG_UP,
    "4010": EndReason.WE_HUNG_UP,
    "6000": EndReason.HARD_LIMIT,
    "6010": EndReason.NO_ANSWER,
    "6020": EndReason.MEDIA_LOST,
    **dict.fromkeys(("7011", "7012", "7013", "7014"), EndReason.FAILED),
    **dict.fromkeys(("8011", "8012", "8013", "8014"), EndReason.FAILED),
    "9100": EndReason.WE_HUNG_UP,
    "9999": EndReason.FAR_END_HUNG_UP,
    "x": EndReason.FAR_END_HUNG_UP,
}


class TestEvents:
    def test_an_incoming_call_waits_for_steps(self, webhooks: PlivoWebhooks) -> None:
        event = told(
            webhooks,
            "",
            Event="StartApp",
            CallStatus="ringing",
            Direction="inbound",
            From="14155550123",
            To="14155550100",
            STIRVerification="Verified",
            STIRAttestation="B",
        )
        assert (event.kind, event.wants_steps) == (CarrierEventKind.INCOMING, True)
        assert (event.carrier_ref, event.call_id) == (CALL_UUID, "")
        assert (event.from_number, event.to_number) == ("+14155550123", "+14155550100")
        assert event.attestation == "B"

    @pytest.mark.parametrize(
        "number", ["anonymous", "", "+14155550123", "sip:me@example.com", "911", "0123456789"]
    )
    def test_what_is_no_number_in_full_stays_as_it_is(
        self, webhooks: PlivoWebhooks, number: str
    ) -> None:
        event = told(webhooks, "", Direction="inbound", CallStatus="ringing", From=number)
        assert event.from_number == number

    def test_a_failed_attestation_says_so(self, webhooks: PlivoWebhooks) -> None:
        def verdict(verification: str, level: str = "") -> str:
            fields = {"STIRVerification": verification, "STIRAttestation": level}
            return told(webhooks, "", Direction="inbound", **fields).attestation

        assert verdict("Verified") == "A"
        assert verdict("Not Verified", "C") == "C"
        assert verdict("Not Verified", "A") == verdict("Not Verified") == "failed"
        assert verdict("Not Applicable", "Not Applicable") == ""

    def test_the_answer_brings_the_real_id(self, webhooks: PlivoWebhooks) -> None:
        event = told(
            webhooks,
            "?call=7&at=answer",
            Event="StartApp",
            CallStatus="in-progress",
            RequestUUID="the request",
        )
        assert (event.kind, event.wants_steps) == (CarrierEventKind.ANSWERED, True)
        assert (event.carrier_ref, event.call_id) == (CALL_UUID, "7")

    @pytest.mark.parametrize(
        ("fields", "kind", "reason"),
        [
            ({"Event": "Ring", "CallStatus": "ringing"}, CarrierEventKind.RINGING, EndReason.NONE),
            (
                {"Event": "Hangup", "CallStatus": "completed", "HangupCause": "NORMAL_CLEARING"},
                CarrierEventKind.ENDED,
                EndReason.FAR_END_HUNG_UP,
            ),
            (
                {"Event": "Hangup", "CallStatus": "busy", "HangupCause": "USER_BUSY"},
                CarrierEventKind.ENDED,
                EndReason.BUSY,
            ),
            (
                {"Event": "Hangup", "CallStatus": "failed", "HangupCause": "CALL_REJECTED"},
                CarrierEventKind.ENDED,
                EndReason.REJECTED,
            ),
            *(
                (
                    {"Event": "Hangup", "CallStatus": "completed", "HangupCauseCode": code},
                    CarrierEventKind.ENDED,
                    reason,
                )
                for code, reason in HANGUPS.items()
            ),
            (
                {
                    "Event": "Hangup",
                    "CallStatus": "completed",
                    "HangupCauseCode": "4000",
                    "HangupSource": "API Request",
                },
                CarrierEventKind.ENDED,
                EndReason.WE_HUNG_UP,
            ),
            ({"CallStatus": "timeout"}, CarrierEventKind.ENDED, EndReason.NO_ANSWER),
            ({"CallStatus": "no-answer"}, CarrierEventKind.ENDED, EndReason.NO_ANSWER),
            ({"CallStatus": "cancel"}, CarrierEventKind.ENDED, EndReason.CANCELLED),
            ({"Event": "Hangup", "CallStatus": "new"}, CarrierEventKind.ENDED, EndReason.UNKNOWN),
            ({"CallStatus": "something-new"}, CarrierEventKind.OTHER, EndReason.NONE),
        ],
    )
    def test_progress(
        self,
        webhooks: PlivoWebhooks,
        fields: dict[str, str],
        kind: CarrierEventKind,
        reason: EndReason,
    ) -> None:
        event = told(webhooks, "?call=7&at=status", **fields)
        assert (event.kind, event.end_reason, event.wants_steps) == (kind, reason, False)

    def test_words_keys_and_silence_of_a_gather(self, webhooks: PlivoWebhooks) -> None:
        query = "?call=7&at=gather&turn=t1"
        said = told(webhooks, query, InputType="speech", Speech="hello there")
        typed = told(webhooks, query, InputType="dtmf", Digits="42", Speech="")
        silent = told(webhooks, query, InputType="speech", Speech=" ")
        fell_through = told(webhooks, "?call=7&at=silence&turn=t1", Event="Redirect")
        assert (said.kind, said.text, said.turn) == (CarrierEventKind.SPEECH, "hello there", "t1")
        assert (typed.kind, typed.digits) == (CarrierEventKind.DIGITS, "42")
        assert silent.kind is fell_through.kind is CarrierEventKind.SILENCE
        assert all(event.wants_steps for event in (said, typed, silent, fell_through))

    @pytest.mark.parametrize("what", ["poll", "steps", "after_stream"])
    def test_redirects_come_for_further_steps(self, webhooks: PlivoWebhooks, what: str) -> None:
        event = told(webhooks, f"?call=7&at={what}&turn=t", CallStatus="in-progress")
        assert (event.kind, event.wants_steps, event.turn) == (CarrierEventKind.CONTINUE, True, "t")

    def test_machines(self, webhooks: PlivoWebhooks) -> None:
        machines = [
            told(webhooks, "?call=7&at=machine", Event="MachineDetection", Machine=said).machine
            for said in ("true", "False", "")
        ]
        assert machines == ["machine", "human", "unknown"]

    def test_the_stream_tells_of_its_life(self, webhooks: PlivoWebhooks) -> None:
        kinds = [
            told(webhooks, "?call=7&at=stream", Event=name, StreamID="s1").kind
            for name in ("StartStream", "StopStream", "DroppedStream", "PlayedStream")
        ]
        assert kinds == [
            CarrierEventKind.STREAM_STARTED,
            CarrierEventKind.STREAM_ENDED,
            CarrierEventKind.STREAM_ENDED,
            CarrierEventKind.OTHER,
        ]

    @pytest.mark.parametrize(
        "pairs",
        [
            [("From", "14155550123")],
            [("CallUUID", "")],
            [("CallUUID", "a"), ("CallUUID", "b")],
            [("CallUUID", "a"), ("From", "1"), ("From", "1")],
        ],
    )
    def test_what_is_ambiguous_is_refused(self, webhooks: PlivoWebhooks, pairs: Pairs) -> None:
        with pytest.raises(WebhookRefusedError):
            webhooks.parse(signed(BASE, pairs))


class TestKey:
    def test_a_repetition_in_any_disguise_has_the_same_key(self, webhooks: PlivoWebhooks) -> None:
        url = f"{BASE}?call=7&at=gather&turn=t1"
        request = signed(url, list(CALL))
        disguised = [
            replace(request, body=b"&".join(reversed(request.body.split(b"&")))),
            replace(request, body=request.body.replace(b"%2C", b"%2c")),
            replace(request, url=f"{BASE}?turn=t1&at=gather&call=7"),
            replace(request, url=f"{BASE}?call=7&at=gath%65r&turn=t1"),
            replace(request, headers={**request.headers, "x-request-id": ("new",)}),
            posted(url, list(CALL), sign(url, list(CALL), nonce="the nonce of a genuine retry")),
        ]
        for again in disguised:
            webhooks.verify(again)
            assert webhooks.parse(again).key == webhooks.parse(request).key

    def test_two_deliveries_have_two_keys(self, webhooks: PlivoWebhooks) -> None:
        keys = {
            told(webhooks, query, **fields).key
            for query, fields in (
                ("", {"Event": "StartApp", "CallStatus": "ringing"}),
                ("", {"Event": "Hangup", "CallStatus": "completed"}),
                ("?call=7&at=answer", {}),
                ("?call=7&at=gather&turn=t1", {"Speech": "yes"}),
                ("?call=7&at=gather&turn=t2", {"Speech": "yes"}),
                ("?call=7&at=silence&turn=t1", {}),
                ("?call=7&at=poll&once=a", {}),
                ("?call=7&at=poll&once=b", {}),
                ("?call=7&at=status", {"Event": "Ring", "CallStatus": "ringing"}),
                ("?call=7&at=status", {"Event": "Hangup", "CallStatus": "completed"}),
                ("?call=7&at=machine", {"Machine": "true"}),
                ("?call=7&at=stream", {"StreamID": "s1", "Event": "StartStream"}),
                ("?call=7&at=stream", {"StreamID": "s1", "Event": "StopStream"}),
            )
        }
        assert len(keys) == 13
