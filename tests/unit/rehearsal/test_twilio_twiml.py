from __future__ import annotations

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.helpers.recordings import recordings_or_skip
from tests.unit.rehearsal.fake_app import PUBLIC_BASE, FakeApp
from tests.unit.rehearsal.twilio_client import CALLEE, CALLER, TwilioClient, violations

ASK = (
    "<Response><Gather input='dtmf speech' speechTimeout='auto' timeout='2' numDigits='2' "
    "action='/turn?turn=1'><Say>Yes?</Say></Gather><Redirect>/silence</Redirect></Response>"
)
ANSWER = "The meeting has been moved."
BYE = f"<Response><Say>{ANSWER}</Say></Response>"


async def test_a_real_caller_is_understood_and_answered(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    jfk = recordings_or_skip().path("stt/jfk.wav")
    await twilio.answer_at(app.on("/in", ASK))
    app.on("/turn", BYE)
    ref = await rehearsal.dial("twilio", CALLER, stir="A", kind="wav", files=[jfk], gap_ms=400)
    asked = await app.wait("/in", CallSid=ref)
    assert (asked.form["Direction"], asked.form["CallStatus"]) == ("inbound", "ringing")
    assert (asked.form["From"], asked.form["To"]) == (CALLER, twilio.number)
    assert asked.form["StirVerstat"] == "TN-Validation-Passed-A"
    turn = await app.wait("/turn", CallSid=ref)
    assert "fellow americans" in turn.form["SpeechResult"].lower()
    assert 0 <= float(turn.form["Confidence"]) <= 1
    ended = await rehearsal.wait_for("call", ref=ref, state="ended")
    assert (ended["cause"], ended["by"]) == ("completed", "app")
    said = [r["text"] for r in rehearsal.reports if r["type"] == "carrier_said"]
    assert said == ["Yes?", ANSWER]
    heard = [r["text"].lower() for r in rehearsal.reports if r["type"] == "far_heard"]
    assert "meeting" in heard[-1]
    assert violations(rehearsal) == []


async def test_keys_complete_a_gather(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    await rehearsal.far_end(CALLEE, kind="script", steps=[{"press": "42"}], after="stay")
    app.on("/turn", "<Response><Hangup/></Response>")
    await twilio.call(app.on("/voice", ASK))
    turn = await app.wait("/turn")
    assert turn.form["Digits"] == "42"
    assert "SpeechResult" not in turn.form


async def test_silence_falls_through_to_what_follows_the_gather(
    app: FakeApp, twilio: TwilioClient
) -> None:
    app.on("/silence", "<Response><Hangup/></Response>")
    await twilio.call(app.on("/voice", ASK))
    assert (await app.wait("/silence")).form["CallStatus"] == "in-progress"


async def test_a_callee_may_talk_over_the_prompt(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    steps = [{"say": "Stop, please listen to me", "over": True}]
    await rehearsal.far_end(CALLEE, kind="script", steps=steps, after="stay")
    long = " ".join(["And here is one more sentence that nobody wants to hear."] * 10)
    app.on("/turn", "<Response><Hangup/></Response>")
    await twilio.call(app.on("/voice", ASK.replace("Yes?", long)))
    turn = await app.wait("/turn")
    assert turn.form["SpeechResult"] == "Stop, please listen to me"
    ended = await rehearsal.wait_for("call", state="ended")
    assert ended["duration_s"] < 12


async def test_busy_no_answer_and_refusal_never_ask_for_instructions(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    voice, status = app.on("/voice", BYE), app.on("/status", "")
    for answer, final, cause in (
        ("busy", "busy", "busy"),
        ("no_answer", "no-answer", "no-answer"),
        ("reject", "busy", "rejected"),
    ):
        await rehearsal.far_end(CALLEE, answer=answer)
        ref = await twilio.call(voice, ("StatusCallback", status), ("Timeout", "1"))
        told = await app.wait("/status", CallSid=ref)
        assert (told.form["CallStatus"], told.form["CallDuration"]) == (final, "0")
        ended = await rehearsal.wait_for("call", ref=ref, state="ended")
        assert ended["cause"] == cause
    assert [r.path for r in app.received] == ["/status"] * 3


async def test_a_machine_is_told_after_its_beep(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    await rehearsal.far_end(CALLEE, answer="machine", greeting="Please leave a message.")
    voice = app.on("/voice", BYE)
    await twilio.call(voice, ("MachineDetection", "DetectMessageEnd"))
    asked = await app.wait("/voice")
    assert asked.form["AnsweredBy"] == "machine_end_beep"
    heard = await rehearsal.wait_for("far_heard")
    assert "meeting" in heard["text"].lower()


async def test_a_callee_hangs_up_in_the_middle_of_a_word(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    await rehearsal.far_end(CALLEE, hang_up_after_ms=700)
    voice, status = app.on("/voice", f"<Response><Say>{'word ' * 60}</Say></Response>"), "/status"
    await twilio.call(voice, ("StatusCallback", app.on(status, "")))
    assert (await app.wait(status)).form["CallStatus"] == "completed"
    ended = await rehearsal.wait_for("call", state="ended")
    assert (ended["by"], ended["cause"]) == ("far_end", "completed")
    assert ended["duration_s"] < 5


async def test_the_time_limit_ends_a_call(
    rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    wait = "<Response><Pause length='60'/></Response>"
    await twilio.call("", ("TimeLimit", "1"), twiml=wait)
    ended = await rehearsal.wait_for("call", state="ended")
    assert (ended["by"], ended["cause"]) == ("network", "time-limit")
    assert ended["longest_silence_ms"] >= 900


async def test_a_rejected_caller_is_never_answered(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    await twilio.answer_at(app.on("/in", "<Response><Reject reason='busy'/></Response>"))
    ref = await rehearsal.dial("twilio", "anonymous")
    ended = await rehearsal.wait_for("call", ref=ref, state="ended")
    assert (ended["cause"], ended["duration_s"]) == ("busy", 0)


async def test_a_broken_answer_ends_the_call_with_an_apology(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    await twilio.call(PUBLIC_BASE + "/nowhere")
    ended = await rehearsal.wait_for("call", state="ended", deadline_s=30)
    assert ended["cause"] == "failed"
    assert violations(rehearsal) == ["11200 the webhook answered 404"]
    assert any("error" in r["text"] for r in rehearsal.reports if r["type"] == "carrier_said")


async def test_instructions_are_replaced_on_a_live_call(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    ref = await twilio.call(twiml="<Response><Pause length='60'/></Response>")
    await rehearsal.wait_for("call", ref=ref, state="in-progress")
    status, _ = await twilio.post(f"/Calls/{ref}.json", ("Url", app.on("/new", BYE)))
    assert status == 200
    await app.wait("/new", CallSid=ref)
    await rehearsal.wait_for("call", ref=ref, state="ended", cause="completed")


async def test_a_transfer_joins_two_far_ends(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    colleague = "+14155550155"
    steps = [{"say": "This is the colleague speaking", "over": False}]
    await rehearsal.far_end(colleague, kind="script", steps=steps, speaks_first=True, after="stay")
    await rehearsal.far_end(CALLEE, kind="script", steps=[{"expect": "speaking"}])
    dial = f"<Dial action='/after'><Number>{colleague}</Number></Dial>"
    app.on("/after", "<Response><Hangup/></Response>")
    ref = await twilio.call(app.on("/voice", f"<Response>{dial}</Response>"))
    heard = await rehearsal.wait_for("far_heard", ref=ref)
    _, calls = await twilio.get("/Calls.json", To=colleague)
    leg = calls["calls"][0]
    assert (leg["parent_call_sid"], leg["direction"]) == (ref, "outbound-dial")
    assert "speaking" in heard["text"].lower()
    ended = await rehearsal.wait_for("call", ref=ref, state="ended")
    assert ended["by"] == "far_end"


async def test_a_webhook_comes_twice_with_one_token(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    await rehearsal.fault("twilio", "webhook", "duplicate")
    await twilio.call(app.on("/voice", "<Response><Hangup/></Response>"))
    await rehearsal.wait_for("call", state="ended")
    first, second = (r for r in app.received if r.path == "/voice")
    assert first.body == second.body
    header = "I-Twilio-Idempotency-Token"
    assert first.headers[header] == second.headers[header]


async def test_status_callbacks_may_overtake_each_other(
    app: FakeApp, rehearsal: RehearsalProcess, twilio: TwilioClient
) -> None:
    await rehearsal.fault("twilio", "webhook", "reorder")
    status = app.on("/status", "")
    order = [("StatusCallback", status)]
    order += [("StatusCallbackEvent", event) for event in ("initiated", "ringing", "completed")]
    await twilio.call("", *order, twiml="<Response><Hangup/></Response>")
    await app.wait("/status", CallStatus="completed")
    await app.wait("/status", CallStatus="initiated")
    sequence = [int(r.form["SequenceNumber"]) for r in app.received]
    assert sorted(sequence) == [0, 1, 3]
    assert sequence.index(1) < sequence.index(0)
