from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from desktop_voice.core.calls import EndReason
from desktop_voice.telephony.carriers.carrier import (
    CarrierEvent,
    CarrierEventKind,
    WebhookRefusedError,
    WebhookRequest,
)
from desktop_voice.telephony.carriers.credentials import TwilioCredentials
from desktop_voice.telephony.carriers.twilio_webhooks import TwilioWebhooks
from tests.helpers.webhook_cases import FORM, Pairs, forged, mutations, posted, random_form

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f7"
CALL_SID = "CA" + "fedcba9876543210" * 2
KEY_ID, KEY = "webhooks_sharedkey_01", "a shared secret with ünicode"
BASE = "https://phone.example.com/api/voice/webhook/twilio"
HEADER = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"
CALL = [
    ("CallSid", CALL_SID),
    ("AccountSid", SID),
    ("From", "+14155550123"),
    ("To", "+14155550100"),
    ("CallStatus", "in-progress"),
    ("Direction", "outbound-api"),
    ("SpeechResult", "yes, please & thank you"),
]


@pytest.fixture
def webhooks() -> TwilioWebhooks:
    return TwilioWebhooks(TwilioCredentials(SID, TOKEN))


def sign(url: str, pairs: Pairs, token: str = TOKEN) -> dict[str, tuple[str, ...]]:
    signature = RequestValidator(token).compute_signature(url, MultiDict(pairs))
    return {HEADER: (signature,)}


def signed(url: str, pairs: Pairs) -> WebhookRequest:
    return posted(url, pairs, sign(url, pairs))


def is_accepted(webhooks: TwilioWebhooks, request: WebhookRequest) -> bool:
    try:
        webhooks.verify(request)
    except WebhookRefusedError:
        return False
    return True


def told(webhooks: TwilioWebhooks, query: str, **fields: str) -> CarrierEvent:
    pairs = [("CallSid", CALL_SID), ("AccountSid", SID), *fields.items()]
    request = signed(f"{BASE}{query}", pairs)
    webhooks.verify(request)
    return webhooks.parse(request)


def test_all_that_the_official_library_signs_is_accepted(webhooks: TwilioWebhooks) -> None:
    dice = random.Random(1)  # noqa: S311
    hosts = (
        "phone.example.com",
        "phone.example.com:8443",
        "phone.example.com:443",
        "xn--bcher-kva.example",
    )
    queries = ("", "?call=01ab&at=gather&turn=x-Y_z", "?q=%C3%BC+%26&b=", "?b=2&a=1")
    for _ in range(1200):
        url = f"https://{dice.choice(hosts)}/api/voice/webhook/twilio{dice.choice(queries)}"
        request = signed(url, random_form(dice))
        webhooks.verify(request)


@pytest.mark.parametrize(
    ("configured", "signed_as"),
    [
        ("https://phone.example.com/hook?call=1", "https://phone.example.com:443/hook?call=1"),
        ("https://phone.example.com:8443/hook", "https://phone.example.com/hook"),
        ("https://[2001:db8::1]/hook", "https://[2001:db8::1]:443/hook"),
        ("https://[2001:db8::1]:8443/hook", "https://[2001:db8::1]/hook"),
    ],
)
def test_the_port_may_be_signed_or_not(
    webhooks: TwilioWebhooks, configured: str, signed_as: str
) -> None:
    webhooks.verify(posted(configured, list(CALL), sign(signed_as, list(CALL))))


def test_no_forgery_is_accepted(webhooks: TwilioWebhooks) -> None:
    url = f"{BASE}?call=01ab&at=gather&turn=n-1"
    cases = forged(url, list(CALL), TOKEN, sign, (HEADER,))
    genuine = signed(url, list(CALL))
    for value in (
        "",
        "key=,algorithm=HMAC_SHA256",
        f"key={KEY_ID}",
        f"key={KEY_ID},algorithm=HMAC_SHA256",
        f"key={KEY_ID},algorithm=HMAC_SHA1",
        "algorithm=HMAC_SHA1",
        "algorithm=none",
        "algorithm=HMAC_MD5",
    ):
        headers = {**genuine.headers, SETTINGS: (value,)}
        cases.append((f"settings {value!r}", replace(genuine, headers=headers)))
    cases.append(
        ("wrong account's token", posted(url, list(CALL), sign(url, list(CALL), "1" * 32)))
    )

    webhooks.verify(genuine)
    accepted = dict(case for case in cases if is_accepted(webhooks, case[1]))

    assert len(cases) >= 250
    # Twilio signs a repeated value once, so a repetition cannot be told; it is not believed.
    with pytest.raises(WebhookRefusedError):
        webhooks.parse(accepted.pop("body doubled"))
    assert list(accepted) == []


def test_no_single_byte_can_be_changed(webhooks: TwilioWebhooks) -> None:
    dice = random.Random(2)  # noqa: S311
    genuine = signed(f"{BASE}?call=01ab&at=gather&turn=n-1", list(CALL))
    webhooks.verify(genuine)
    accepted = [
        mutant
        for mutant in mutations(dice, genuine, (HEADER,), 100_000)
        if is_accepted(webhooks, mutant) and mutant != genuine
    ]
    # The same escape may be spelled in capitals or not; nothing else may differ.
    for mutant in accepted:
        assert (mutant.url, mutant.headers) == (genuine.url, genuine.headers)
        assert sorted(parse_qsl(mutant.body.decode(), keep_blank_values=True)) == sorted(CALL)


class TestSharedKey:
    @pytest.fixture
    def webhooks(self) -> TwilioWebhooks:
        return TwilioWebhooks(TwilioCredentials(SID, TOKEN), {KEY_ID: KEY})

    def request(self, settings: str, algorithm: str = "HMAC_SHA256") -> WebhookRequest:
        signature = RequestValidator(KEY).compute_signature(BASE, MultiDict(CALL), algorithm)
        return posted(BASE, list(CALL), {HEADER: (signature,), SETTINGS: (settings,)})

    def test_is_accepted_where_it_is_configured(self, webhooks: TwilioWebhooks) -> None:
        webhooks.verify(self.request(f"key={KEY_ID},algorithm=HMAC_SHA256"))
        webhooks.verify(signed(BASE, list(CALL)))

    @pytest.mark.parametrize(
        "settings",
        [
            "key=other,algorithm=HMAC_SHA256",
            f"key={KEY_ID}",
            f"key={KEY_ID},algorithm=HMAC_SHA1",
            f"key={KEY_ID},algorithm=",
            f"key={KEY_ID},key={KEY_ID},algorithm=HMAC_SHA256",
            f"key={KEY_ID},algorithm=HMAC_SHA256,algorithm=HMAC_SHA1",
            "algorithm=HMAC_SHA256",
        ],
    )
    def test_is_refused_with_other_settings(self, webhooks: TwilioWebhooks, settings: str) -> None:
        assert not is_accepted(webhooks, self.request(settings))

    def test_cannot_be_weakened(self, webhooks: TwilioWebhooks) -> None:
        request = self.request(f"key={KEY_ID},algorithm=HMAC_SHA1", "HMAC_SHA1")
        assert not is_accepted(webhooks, request)


class TestJsonBody:
    BODY = b'{"a": 1}'

    def request(self, body: bytes, digest: str, extra: str = "") -> WebhookRequest:
        url = f"{BASE}?bodySHA256={digest}{extra}"
        headers = {"content-type": ("application/json",), **sign(url, [])}
        return WebhookRequest("POST", url, headers, body)

    def test_is_bound_by_its_digest(self, webhooks: TwilioWebhooks) -> None:
        webhooks.verify(self.request(self.BODY, hashlib.sha256(self.BODY).hexdigest()))

    def test_another_body_is_refused(self, webhooks: TwilioWebhooks) -> None:
        digest = hashlib.sha256(self.BODY).hexdigest()
        for body in (b"", b'{"a": 2}', self.BODY + b" ", self.BODY[:-1]):
            assert not is_accepted(webhooks, self.request(body, digest))
        assert not is_accepted(webhooks, self.request(self.BODY, digest.upper()))
        assert not is_accepted(webhooks, self.request(self.BODY, digest, f"&bodySHA256={digest}"))

    def test_says_nothing_about_a_call(self, webhooks: TwilioWebhooks) -> None:
        with pytest.raises(WebhookRefusedError):
            webhooks.parse(self.request(self.BODY, hashlib.sha256(self.BODY).hexdigest()))


class TestHandshake:
    URL = "wss://phone.example.com/call/stream/ti-cket_0"

    def request(self, url: str = "", signed_url: str = "", **changes: object) -> WebhookRequest:
        headers = sign(signed_url or self.URL, [])
        url = url or self.URL.replace("wss", "https")
        return replace(WebhookRequest("GET", url, headers, b""), **changes)  # type: ignore[arg-type]

    def test_is_signed_with_its_socket_address(self, webhooks: TwilioWebhooks) -> None:
        webhooks.verify_upgrade(self.request())
        webhooks.verify_upgrade(self.request(url=self.URL))
        with_port = self.URL.replace(".com/", ".com:443/")
        webhooks.verify_upgrade(self.request(signed_url=with_port))

    def test_anything_else_is_refused(self, webhooks: TwilioWebhooks) -> None:
        genuine = self.request()
        bad = [
            self.request(signed_url=self.URL.replace("wss", "https")),
            self.request(url="https://phone.example.com/call/stream/other"),
            self.request(url=f"{genuine.url}?x=1", signed_url=f"{self.URL}?x=1"),
            self.request(url=f"{genuine.url}/"),
            self.request(url="ftp://phone.example.com/call/stream/ti-cket_0"),
            self.request(headers={}),
            self.request(headers={HEADER: genuine.headers[HEADER] * 2}),
            self.request(method="POST"),
            self.request(body=b"x"),
            self.request(headers=sign(self.URL, [], "1" * 32)),
        ]
        for request in bad:
            with pytest.raises(WebhookRefusedError):
                webhooks.verify_upgrade(request)


class TestEvents:
    def test_an_incoming_call_waits_for_steps(self, webhooks: TwilioWebhooks) -> None:
        event = told(
            webhooks,
            "",
            CallStatus="ringing",
            Direction="inbound",
            From="+14155550123",
            To="+14155550100",
            StirVerstat="TN-Validation-Passed-A",
        )
        assert (event.kind, event.wants_steps) == (CarrierEventKind.INCOMING, True)
        assert (event.carrier_ref, event.call_id) == (CALL_SID, "")
        assert (event.from_number, event.to_number) == ("+14155550123", "+14155550100")
        assert event.attestation == "A"

    @pytest.mark.parametrize(
        ("verdict", "attestation"),
        [
            ("TN-Validation-Passed-B", "B"),
            ("TN-Validation-Passed-C", "C"),
            ("TN-Validation-Passed-A-Diverted-A", "A"),
            ("TN-Validation-Failed-C", "failed"),
            ("TN-Validation-Failed", "failed"),
            ("No-TN-Validation", ""),
            ("", ""),
        ],
    )
    def test_the_attestation_is_read(
        self, webhooks: TwilioWebhooks, verdict: str, attestation: str
    ) -> None:
        event = told(webhooks, "", Direction="inbound", StirVerstat=verdict)
        assert event.attestation == attestation

    def test_the_answer_waits_for_steps(self, webhooks: TwilioWebhooks) -> None:
        event = told(webhooks, "?call=7&at=answer", CallStatus="in-progress")
        assert (event.kind, event.wants_steps) == (CarrierEventKind.ANSWERED, True)
        assert event.call_id == "7"

    @pytest.mark.parametrize(
        ("status", "kind", "reason"),
        [
            ("initiated", CarrierEventKind.QUEUED, EndReason.NONE),
            ("ringing", CarrierEventKind.RINGING, EndReason.NONE),
            ("in-progress", CarrierEventKind.ANSWERED, EndReason.NONE),
            ("completed", CarrierEventKind.ENDED, EndReason.FAR_END_HUNG_UP),
            ("busy", CarrierEventKind.ENDED, EndReason.BUSY),
            ("no-answer", CarrierEventKind.ENDED, EndReason.NO_ANSWER),
            ("failed", CarrierEventKind.ENDED, EndReason.FAILED),
            ("canceled", CarrierEventKind.ENDED, EndReason.CANCELLED),
            ("something-new", CarrierEventKind.OTHER, EndReason.NONE),
        ],
    )
    def test_progress(
        self, webhooks: TwilioWebhooks, status: str, kind: CarrierEventKind, reason: EndReason
    ) -> None:
        event = told(webhooks, "?call=7&at=status", CallStatus=status, SequenceNumber="2")
        assert (event.kind, event.end_reason) == (kind, reason)
        assert (event.order, event.wants_steps) == (3.0, False)

    def test_words_keys_and_silence_of_a_gather(self, webhooks: TwilioWebhooks) -> None:
        query = "?call=7&at=gather&turn=t1"
        said = told(webhooks, query, SpeechResult="hello there", Confidence="0.9")
        typed = told(webhooks, query, Digits="42", SpeechResult="")
        silent = told(webhooks, query, SpeechResult=" ")
        fell_through = told(webhooks, "?call=7&at=silence&turn=t1")
        assert (said.kind, said.text, said.turn) == (CarrierEventKind.SPEECH, "hello there", "t1")
        assert (typed.kind, typed.digits) == (CarrierEventKind.DIGITS, "42")
        assert silent.kind is fell_through.kind is CarrierEventKind.SILENCE
        assert all(event.wants_steps for event in (said, typed, silent, fell_through))

    def test_last_words_count_even_if_the_caller_hung_up(self, webhooks: TwilioWebhooks) -> None:
        query = "?call=7&at=gather&turn=t1"
        said = told(webhooks, query, SpeechResult="bye", CallStatus="completed")
        gone = told(webhooks, query, CallStatus="completed")
        assert said.kind is CarrierEventKind.SPEECH
        assert gone.kind is CarrierEventKind.ENDED

    @pytest.mark.parametrize("what", ["poll", "steps", "after_stream"])
    def test_redirects_come_for_further_steps(self, webhooks: TwilioWebhooks, what: str) -> None:
        event = told(webhooks, f"?call=7&at={what}&turn=t", CallStatus="in-progress")
        assert (event.kind, event.wants_steps, event.turn) == (CarrierEventKind.CONTINUE, True, "t")

    @pytest.mark.parametrize(
        ("answered_by", "machine"),
        [
            ("human", "human"),
            ("machine_start", "machine"),
            ("fax", "machine"),
            ("machine_end_beep", "beep"),
            ("machine_end_silence", "beep"),
            ("machine_end_other", "beep"),
            ("unknown", "unknown"),
            ("", "unknown"),
        ],
    )
    def test_machines(self, webhooks: TwilioWebhooks, answered_by: str, machine: str) -> None:
        event = told(webhooks, "?call=7&at=machine", AnsweredBy=answered_by)
        assert (event.kind, event.machine) == (CarrierEventKind.MACHINE, machine)

    def test_the_stream_tells_of_its_life(self, webhooks: TwilioWebhooks) -> None:
        kinds = [
            told(webhooks, "?call=7&at=stream", StreamSid="MZ1", StreamEvent=name).kind
            for name in ("stream-started", "stream-stopped", "stream-error", "else")
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
            [("AccountSid", SID)],
            [("CallSid", "not one"), ("AccountSid", SID)],
            [("CallSid", CALL_SID), ("AccountSid", "AC" + "0" * 32)],
            [("CallSid", CALL_SID)],
            [("CallSid", CALL_SID), ("AccountSid", SID), ("From", "+1"), ("From", "+2")],
            [("CallSid", CALL_SID), ("CallSid", CALL_SID), ("AccountSid", SID)],
        ],
    )
    def test_what_is_ambiguous_or_not_ours_is_refused(
        self, webhooks: TwilioWebhooks, pairs: Pairs
    ) -> None:
        with pytest.raises(WebhookRefusedError):
            webhooks.parse(signed(BASE, pairs))


class TestKey:
    def test_a_repetition_in_any_disguise_has_the_same_key(self, webhooks: TwilioWebhooks) -> None:
        request = signed(f"{BASE}?call=7&at=gather&turn=t1", list(CALL))
        disguised = [
            replace(request, body=b"&".join(reversed(request.body.split(b"&")))),
            replace(request, body=request.body.replace(b"%2B", b"%2b")),
            replace(request, headers={**request.headers, "i-twilio-idempotency-token": ("new",)}),
            replace(request, url=request.url.replace(".com/", ".com:443/")),
        ]
        for again in disguised:
            webhooks.verify(again)
            assert webhooks.parse(again).key == webhooks.parse(request).key

    def test_two_deliveries_have_two_keys(self, webhooks: TwilioWebhooks) -> None:
        keys = {
            told(webhooks, query, **fields).key
            for query, fields in (
                ("", {"Direction": "inbound"}),
                ("?call=7&at=answer", {}),
                ("?call=7&at=gather&turn=t1", {"SpeechResult": "yes"}),
                ("?call=7&at=gather&turn=t2", {"SpeechResult": "yes"}),
                ("?call=7&at=silence&turn=t1", {}),
                ("?call=7&at=poll&once=a", {}),
                ("?call=7&at=poll&once=b", {}),
                ("?call=7&at=status", {"CallStatus": "ringing", "SequenceNumber": "1"}),
                ("?call=7&at=status", {"CallStatus": "completed", "SequenceNumber": "2"}),
                ("?call=7&at=machine", {"AnsweredBy": "machine_start"}),
                ("?call=7&at=machine", {"AnsweredBy": "machine_end_beep"}),
                ("?call=7&at=stream", {"StreamSid": "MZ1", "StreamEvent": "stream-started"}),
                ("?call=7&at=stream", {"StreamSid": "MZ1", "StreamEvent": "stream-stopped"}),
            )
        }
        assert len(keys) == 13

    def test_one_turn_has_one_result(self, webhooks: TwilioWebhooks) -> None:
        query = "?call=7&at=gather&turn=t1"
        first = told(webhooks, query, SpeechResult="yes")
        second = told(webhooks, query, SpeechResult="no")
        assert first.key == second.key


def test_a_form_type_may_name_its_charset(webhooks: TwilioWebhooks) -> None:
    request = signed(BASE, list(CALL))
    headers = {**request.headers, "content-type": (f"{FORM}; charset=UTF-8",)}
    webhooks.verify(replace(request, headers=headers))
