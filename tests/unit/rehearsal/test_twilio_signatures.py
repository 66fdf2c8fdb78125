from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict
from twilio.request_validator import RequestValidator

from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.rehearsal.twilio_signatures import SharedKey, signature_headers
from tests.unit.rehearsal.fake_app import PUBLIC_BASE, FakeApp, Received
from tests.unit.rehearsal.twilio_client import TwilioClient

TOKEN = "12345678901234567890123456789012"
SHARED = SharedKey("webhooks_sharedkey_1", "a secret of its own")
fields = st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=8)


@given(fields)
def test_the_sdk_accepts_what_the_token_signs(pairs: list[tuple[str, str]]) -> None:
    url = f"{PUBLIC_BASE}/api/voice/webhook/twilio?call=1&at=answer"
    headers = signature_headers(url + "#rc=2", pairs, auth_token=TOKEN)
    validator = RequestValidator(TOKEN)
    assert validator.validate(url, MultiDict(pairs), headers["X-Twilio-Signature"])
    assert not validator.validate(
        url, MultiDict([*pairs, ("one", "more")]), headers["X-Twilio-Signature"]
    )


@given(fields)
def test_the_sdk_accepts_what_the_shared_key_signs(pairs: list[tuple[str, str]]) -> None:
    url = f"{PUBLIC_BASE}/api/voice/webhook/twilio"
    headers = signature_headers(url, pairs, auth_token=TOKEN, shared_key=SHARED)
    signed = headers["X-Twilio-Signature"]
    settings = headers["X-Twilio-Webhooks-Signature-Settings"]
    assert settings == "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    validator = RequestValidator(SHARED.secret)
    assert validator.validate(url, MultiDict(pairs), signed, "HMAC_SHA256")
    assert not RequestValidator(TOKEN).validate(url, MultiDict(pairs), signed, "HMAC_SHA256")


def accepted(received: Received, secret: str, algorithm: str) -> bool:
    signed = received.headers["X-Twilio-Signature"]
    valid = RequestValidator(secret).validate(received.url, received.form, signed, algorithm)
    return bool(valid)


async def test_every_webhook_of_a_call_is_signed(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    url = app.on("/voice?call=a%2Fb".partition("?")[0], "<Response><Hangup/></Response>")
    status = app.on("/status", "")
    order = [("StatusCallback", status)]
    order += [("StatusCallbackEvent", event) for event in ("initiated", "answered", "completed")]
    await twilio.call(url + "?call=a%2Fb", *order)
    await app.wait("/status", CallStatus="completed")
    assert len(app.received) == 4
    for received in app.received:
        assert accepted(received, twilio.token, "HMAC_SHA1")

    await rehearsal.sign_with("HMAC_SHA256")
    app.received.clear()
    await twilio.call(url)
    await app.wait("/voice")
    secret = rehearsal.card.shared_keys["twilio"]["secret"]
    assert accepted(app.received[0], secret, "HMAC_SHA256")
    assert not accepted(app.received[0], twilio.token, "HMAC_SHA1")
