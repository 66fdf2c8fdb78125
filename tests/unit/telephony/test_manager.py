"""The call manager: what a user notices of calls, whatever the carrier delivers and refuses."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop_voice.core import events as ev
from desktop_voice.core.calls import Call, CallMode, CallState, CarrierName, Direction, EndReason
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers.carrier import CarrierEvent, RemoteState, WebhookReply
from desktop_voice.telephony.carriers.carrier import CarrierEventKind as K
from desktop_voice.telephony.steps import Gather, HangUp, Pause, Redirect, Reject, Say, Step
from tests.helpers.call_lab import BASE, FAR, call_lab
from tests.helpers.scripted_carrier import MY_NUMBER, ScriptedCarrier, refused, steps_of
from tests.helpers.virtual_loop import run_virtual, virtual

OPEN = {"policy": "open"}


async def refusal(attempt: Any) -> str:
    with pytest.raises(PhoneError) as caught:
        await attempt
    return caught.value.code


# --- consent ---


@virtual
async def test_nothing_is_dialled_before_a_yes(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        approval = await lab.manager.request_call(
            "+1 (415) 555-0123", CallMode.NOTIFY, "The server is up.", "assistant"
        )
        assert lab.events.of(ev.ApprovalRequested) == [ev.ApprovalRequested(approval)]
        assert (approval.order.number, approval.order.own_number) == (FAR, MY_NUMBER)
        assert await lab.manager.settle_approval(approval.id, False) is None
        await asyncio.sleep(300)
        assert await refusal(lab.manager.settle_approval(approval.id, True)) == "PHONE-30"
        assert await refusal(lab.manager.settle_approval("made up", True)) == "PHONE-30"
        assert lab.carrier.all("place") == []
        assert await lab.store.live() == []


@virtual
async def test_why_a_call_has_another_pipeline_is_told_once_a_call(tmp_path: Path) -> None:
    phone = {"pipeline": "managed", "number": MY_NUMBER, "public_url": BASE}
    async with call_lab(tmp_path, phone=phone, inbound=OPEN) as lab:
        approval = await lab.manager.request_call(FAR, CallMode.NOTIFY, "It is up.", "window")
        assert lab.events.of(ev.Notice) == []
        placed = await lab.manager.settle_approval(approval.id, True)
        assert placed is not None
        (notice,) = lab.events.of(ev.Notice)
        assert "“managed” is not available yet; this call uses “" in notice.what
        stored = await lab.store.get(placed.id)
        assert stored is not None
        assert stored.detail == placed.detail == notice.what
        await lab.incoming()
        assert lab.events.of(ev.Notice) == [notice, notice]


@virtual
async def test_nobody_is_told_of_the_pipeline_of_a_refused_call(tmp_path: Path) -> None:
    phone = {"pipeline": "managed", "number": MY_NUMBER, "public_url": BASE}
    async with call_lab(tmp_path, phone=phone) as lab:
        await lab.incoming()
        assert lab.reasons == [EndReason.INBOUND_DISABLED]
        assert lab.events.of(ev.Notice) == []


@virtual
async def test_a_yes_is_good_for_one_call(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        approval = await lab.manager.request_call(FAR, CallMode.NOTIFY, "It is up.", "window")
        answers = await asyncio.gather(
            *(lab.manager.settle_approval(approval.id, True) for _ in range(10)),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, PhoneError) for answer in answers) == 9
        await lab.until(lambda: bool(lab.carrier.all("place")))
        await asyncio.sleep(1)
        assert len(lab.carrier.all("place")) == 1


@virtual
async def test_an_approval_ends_with_the_app(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        approval = await lab.manager.request_call(FAR, CallMode.NOTIFY, "It is up.", "window")
        await lab.close()
        await lab.open()
        assert await refusal(lab.manager.settle_approval(approval.id, True)) == "PHONE-30"
        assert lab.carrier.all("place") == []


@virtual
async def test_the_approved_call_is_the_one_that_was_shown(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        approval = await lab.manager.request_call(FAR, CallMode.NOTIFY, "It is up.", "window")
        lab.manager.use(ScriptedCarrier(CarrierName.PLIVO))
        assert await refusal(lab.manager.settle_approval(approval.id, True)) == "PHONE-32"
        assert lab.carrier.all("place") == []
        assert await lab.store.live() == []


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"max_concurrent_calls": 1}, "PHONE-28"), ({"daily_calls": 1}, "PHONE-27")],
)
@virtual
async def test_two_approvals_at_once_do_not_pass_a_limit_of_one(
    tmp_path: Path, limits: dict[str, Any], code: str
) -> None:
    async with call_lab(tmp_path, limits=limits) as lab:
        approvals = [
            await lab.manager.request_call(FAR, CallMode.NOTIFY, text, "window")
            for text in ("It is up.", "It is down.")
        ]
        answers = await asyncio.gather(
            *(lab.manager.settle_approval(approval.id, True) for approval in approvals),
            return_exceptions=True,
        )
        codes = [answer.code for answer in answers if isinstance(answer, PhoneError)]
        assert codes == [code]
        await lab.until(lambda: bool(lab.carrier.all("place")))
        assert len(lab.carrier.all("place")) == 1
        assert len(await lab.store.live()) == 1


@virtual
async def test_the_calls_of_a_day_are_counted_across_a_restart(tmp_path: Path) -> None:
    async with call_lab(tmp_path, limits={"daily_calls_per_number": 1}) as lab:
        call = await lab.call_out()
        await lab.hook(K.ENDED, call_id=call.id, end_reason=EndReason.BUSY)
        await lab.close()
        await lab.open()
        wish = lab.manager.request_call(FAR, CallMode.NOTIFY, "It is up.", "window")
        assert await refusal(wish) == "PHONE-27"


@pytest.mark.parametrize(
    ("base", "has_carrier", "code"), [("", True, "PHONE-02"), (BASE, False, "PHONE-01")]
)
@virtual
async def test_without_a_carrier_or_an_address_no_call_can_be_asked_for(
    tmp_path: Path, base: str, has_carrier: bool, code: str
) -> None:
    async with call_lab(tmp_path) as lab:
        lab.base = base
        lab.manager.use(lab.carrier if has_carrier else None)
        wish = lab.manager.request_call(FAR, CallMode.NOTIFY, "It is up.", "window")
        assert await refusal(wish) == code


# --- placing ---


@virtual
async def test_the_call_is_stored_before_the_carrier_is_asked(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        lab.carrier.holding["place"] = asyncio.Event()
        call = await lab.call_out("It is up.", CallMode.NOTIFY)
        stored = await lab.store.get(call.id)
        assert stored is not None
        assert stored.state is CallState.PLANNED
        assert stored.message == "Hello, this is an AI assistant. It is up."
        (asked,) = lab.carrier.all("place")
        assert asked.detail.webhook_url == f"{BASE}/api/voice/webhook/twilio?call={call.id}"
        assert (asked.detail.to_number, asked.detail.from_number) == (FAR, MY_NUMBER)
        assert (asked.detail.time_limit_s, asked.detail.detect_machine) == (3600, True)
        lab.carrier.holding["place"].set()
        await lab.until(lambda: lab.events.of(ev.CallChanged)[-1].call.state is CallState.QUEUED)
        assert await lab.store.by_ref(CarrierName.TWILIO, "ref-1") is not None


@virtual
async def test_a_refused_call_ends_with_the_carriers_reason(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        lab.carrier.fail("place", refused("CARRIER-08", retryable=False))
        call = await lab.ended((await lab.call_out()).id)
        assert (call.state, call.reason) == (CallState.ENDED, EndReason.CARRIER_REFUSED)
        assert call.detail == "The carrier did not answer."
        assert lab.errors == ["CARRIER-08"]
        await asyncio.sleep(60)
        assert len(lab.carrier.all("place")) == 1


@virtual
async def test_a_broken_carrier_module_does_not_leave_a_call_alive(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        lab.carrier.fail("place", KeyError("sid"))
        call = await lab.ended((await lab.call_out()).id)
        assert call.reason is EndReason.CARRIER_REFUSED
        assert lab.errors == ["PHONE-00"]


@virtual
async def test_a_call_that_exists_although_placing_failed_is_hung_up_when_it_shows(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path, takes_documents=False) as lab:
        lab.carrier.loses_refs = True
        call = await lab.ended((await lab.call_out()).id)
        await lab.hook(K.RINGING, call_id=call.id)
        await lab.until(lambda: lab.carrier.remote["ref-1"].state is RemoteState.ENDED)
        stored = await lab.store.get(call.id)
        assert stored is not None
        assert stored.reason is EndReason.CARRIER_REFUSED


@virtual
async def test_hanging_up_while_it_is_being_placed_is_not_forgotten(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        lab.carrier.holding["place"] = asyncio.Event()
        call = await lab.call_out()
        await lab.manager.hang_up(call.id)
        await asyncio.sleep(5)
        assert lab.carrier.all("hang_up") == []
        lab.carrier.holding["place"].set()
        await lab.until(lambda: bool(lab.carrier.all("hang_up")), 1)
        await lab.hook(K.ENDED, call_id=call.id, end_reason=EndReason.CANCELLED)
        assert (await lab.ended(call.id)).reason is EndReason.WE_HUNG_UP


# --- what people ask of a call ---


@virtual
async def test_a_call_that_is_over_or_unknown_says_so(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, _ = await lab.talking()
        await lab.hook(K.ENDED, end_reason=EndReason.FAR_END_HUNG_UP)
        for attempt in (
            lab.manager.hang_up(call.id),
            lab.manager.extend(call.id),
            lab.manager.speak(call.id, "Hello."),
            lab.manager.send_dtmf(call.id, "1"),
            lab.manager.settle_pairing(call.id, True),
        ):
            assert await refusal(attempt) == "PHONE-11"
        for unknown in (
            lab.manager.hang_up("no"),
            lab.manager.call("no"),
            lab.manager.transcript("no"),
        ):
            assert await refusal(unknown) == "PHONE-10"


@virtual
async def test_nobody_is_spoken_to_and_no_key_pressed_before_the_answer(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        lab.carrier.holding["place"] = asyncio.Event()
        call = await lab.call_out()
        assert await refusal(lab.manager.speak(call.id, "Hello.")) == "PHONE-12"
        assert await refusal(lab.manager.send_dtmf(call.id, "1")) == "PHONE-12"
        assert await refusal(lab.manager.settle_pairing(call.id, True)) == "PHONE-13"
        lab.carrier.holding["place"].set()


@virtual
async def test_keys_and_words_of_the_user_reach_the_call(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, gather = await lab.talking()
        await lab.manager.send_dtmf(call.id, "12#")
        assert lab.carrier.all("send_dtmf")[0].detail == "12#"
        await lab.manager.speak(call.id, "This is the owner.")
        (reply,) = await lab.hook(K.SPEECH, text="hello", turn=gather.turn)
        assert isinstance(reply, Gather)
        assert reply.prompt == "This is the owner. You said hello."


@virtual
async def test_a_call_can_be_deleted_once_it_is_over(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, _ = await lab.talking()
        assert await refusal(lab.manager.delete(call.id)) == "PHONE-14"
        await lab.hook(K.ENDED)
        assert [one.id for one in await lab.manager.history()] == [call.id]
        await lab.manager.delete(call.id)
        assert await lab.manager.history() == []


@virtual
async def test_all_calls_can_be_hung_up(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        calls = [await lab.call_out(), await lab.call_out()]
        assert [call.id for call in await lab.manager.live_calls()] == [call.id for call in calls]
        assert await lab.manager.hang_up_all() == [call.id for call in calls]
        await lab.until(lambda: len(lab.carrier.all("hang_up")) == 2)
        assert {one.ref for one in lab.carrier.all("hang_up")} == {"ref-1", "ref-2"}


@virtual
async def test_hanging_up_all_reaches_the_call_that_is_only_being_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with call_lab(tmp_path) as lab:
        going_on, _ = await lab.talking()
        approval = await lab.manager.request_call(FAR, CallMode.NOTIFY, "It is up.", "window")
        may_go_on, plan = asyncio.Event(), lab.store.plan

        async def slow(call: Call) -> None:
            await may_go_on.wait()
            await plan(call)

        monkeypatch.setattr(lab.store, "plan", slow)
        settling = asyncio.create_task(lab.manager.settle_approval(approval.id, True))
        await asyncio.sleep(0.5)
        hanging_up = asyncio.create_task(lab.manager.hang_up_all())
        await lab.until(lambda: bool(lab.carrier.all("hang_up")), 0.5)
        may_go_on.set()
        call = await settling
        assert call is not None
        assert await hanging_up == [going_on.id, call.id]
        assert (await lab.ended(call.id)).reason is EndReason.CANCELLED
        assert len(lab.carrier.all("place")) == 1


# --- who calls in ---


@pytest.mark.parametrize("takes_documents", [True, False])
@pytest.mark.parametrize(
    ("policy", "number", "reason"),
    [
        ("disabled", FAR, EndReason.INBOUND_DISABLED),
        ("allowlist", "+14155550124", EndReason.CALLER_NOT_ALLOWED),
        ("allowlist", "anonymous", EndReason.CALLER_WITHHELD),
        ("open", "+266696687", EndReason.CALLER_WITHHELD),
        ("pairing", "sip:me@example.com", EndReason.CALLER_WITHHELD),
    ],
)
@virtual
async def test_a_refused_caller_is_rejected_once_and_stored(
    tmp_path: Path, policy: str, number: str, reason: EndReason, takes_documents: bool
) -> None:
    inbound = {"policy": policy, "allow_from": [FAR]}
    async with call_lab(tmp_path, takes_documents=takes_documents, inbound=inbound) as lab:
        event = lab.event(K.INCOMING, "in-1", from_number=number, to_number=MY_NUMBER)
        replies = [await lab.deliver(event) for _ in range(3)]
        assert len(set(replies)) == 1
        if takes_documents:
            assert steps_of(replies[0]) == [Reject(reason)]
        else:
            assert [(one.ref, one.detail) for one in lab.carrier.all("reject")] == [
                ("in-1", reason)
            ]
        assert lab.carrier.all("answer") == []
        (call,) = await lab.manager.history()
        assert (call.state, call.reason) == (CallState.ENDED, reason)
        assert (call.direction, call.answered_at) == (Direction.INBOUND, None)
        assert lab.brain.asked == []


@pytest.mark.parametrize("policy", ["allowlist", "pairing", "open"])
@virtual
async def test_a_listed_caller_is_greeted(tmp_path: Path, policy: str) -> None:
    async with call_lab(tmp_path, inbound={"policy": policy, "allow_from": [FAR]}) as lab:
        greeting, gather = await lab.incoming()
        assert greeting == Say("Hello, this is an AI assistant. Hello! How can I help you today?")
        assert isinstance(gather, Gather)
        assert gather.prompt == ""
        (call,) = await lab.manager.live_calls()
        assert (call.number, call.carrier_ref, call.state) == (FAR, "in-1", CallState.TALKING)


@virtual
async def test_a_command_carrier_is_told_to_answer_then_greets(tmp_path: Path) -> None:
    async with call_lab(tmp_path, takes_documents=False, inbound=OPEN) as lab:
        assert await lab.incoming() == []
        assert [one.what for one in lab.carrier.asked] == ["answer"]
        await lab.hook(K.ANSWERED, "in-1")
        await lab.until(lambda: bool(lab.carrier.performed))
        assert isinstance(lab.carrier.performed[0], Gather)


@pytest.mark.parametrize("what", ["answer", "reject"])
@virtual
async def test_a_caller_who_can_be_neither_answered_nor_rejected_is_hung_up(
    tmp_path: Path, what: str
) -> None:
    policy = "open" if what == "answer" else "disabled"
    async with call_lab(tmp_path, takes_documents=False, inbound={"policy": policy}) as lab:
        lab.carrier.fail(what)
        await lab.incoming()
        await lab.until(lambda: bool(lab.carrier.all("hang_up")))
        await lab.hook(K.ENDED, "in-1", end_reason=EndReason.CANCELLED)
        assert await lab.manager.live_calls() == []
        (call,) = await lab.manager.history()
        assert call.reason in (EndReason.CARRIER_REFUSED, EndReason.INBOUND_DISABLED)


@virtual
async def test_an_answer_that_the_carrier_never_confirms_ends(tmp_path: Path) -> None:
    async with call_lab(tmp_path, takes_documents=False, inbound=OPEN) as lab:
        await lab.incoming()
        await lab.until(lambda: bool(lab.carrier.all("hang_up")), 120)


@virtual
async def test_calls_beyond_the_limit_are_busy(tmp_path: Path) -> None:
    async with call_lab(tmp_path, inbound=OPEN, limits={"max_concurrent_calls": 1}) as lab:
        replies = await asyncio.gather(
            *(lab.incoming(f"in-{n}", f"+1415555012{n}") for n in range(4))
        )
        rejected = [steps for steps in replies if steps == [Reject(EndReason.TOO_MANY_CALLS)]]
        assert len(rejected) == 3
        assert len(await lab.manager.live_calls()) == 1
        wish = lab.manager.request_call(FAR, CallMode.NOTIFY, "It is up.", "window")
        assert await refusal(wish) == "PHONE-28"


@virtual
async def test_the_same_call_announced_twice_is_one_call(tmp_path: Path) -> None:
    async with call_lab(tmp_path, inbound=OPEN) as lab:
        await asyncio.gather(lab.incoming(), lab.incoming(), lab.incoming())
        assert len(await lab.manager.history()) == 1
        assert len(lab.events.of(ev.ReplyText)) == 1


@virtual
async def test_nobody_comes_or_goes_while_the_app_closes(tmp_path: Path) -> None:
    async with call_lab(tmp_path, inbound=OPEN) as lab:
        approval = await lab.manager.request_call(FAR, CallMode.NOTIFY, "It is up.", "window")
        await lab.call_out()
        closing = asyncio.create_task(lab.manager.close())
        await lab.until(lambda: bool(lab.carrier.all("hang_up")))
        assert await lab.incoming() == [Reject(EndReason.APP_QUIT)]
        with pytest.raises(PhoneError):
            await lab.manager.settle_approval(approval.id, True)
        wish = lab.manager.request_call(FAR, CallMode.NOTIFY, "It is up.", "window")
        assert await refusal(wish) == "PHONE-06"
        await closing
        assert len(lab.carrier.all("place")) == 1


# --- quitting ---


@virtual
async def test_quitting_hangs_up_and_stores_the_end(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, _ = await lab.talking()
        closing = asyncio.create_task(lab.manager.close())
        await lab.until(lambda: bool(lab.carrier.all("hang_up")), 1)
        await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        await closing
        stored = await lab.store.get(call.id)
        assert stored is not None
        assert stored.reason is EndReason.APP_QUIT


@virtual
async def test_what_the_carrier_did_not_end_before_quitting_is_left_for_the_next_start(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path) as lab:
        call, _ = await lab.talking()
        lab.carrier.fail("hang_up", *[refused()] * 50)
        lab.carrier.fail("fetch", *[refused()] * 50)
        await lab.manager.close()
        assert lab.carrier.all("hang_up") != []
        assert [one.id for one in await lab.store.live()] == [call.id]


# --- webhooks: repeated, late, reordered, unknown ---


@virtual
async def test_a_repeated_delivery_gets_the_stored_bytes(tmp_path: Path) -> None:
    async with call_lab(tmp_path, inbound=OPEN) as lab:
        event = lab.event(K.INCOMING, "in-1", from_number=FAR, to_number=MY_NUMBER)
        first = await lab.deliver(event)
        (call,) = await lab.manager.live_calls()
        assert {await lab.deliver(event) for _ in range(5)} == {first}
        assert len(lab.events.of(ev.ReplyText)) == 1
        await lab.hook(K.ENDED, "in-1")
        assert await lab.deliver(event) == first
        await lab.close()
        await lab.open()
        assert await lab.deliver(event) == first
        assert [one.id for one in await lab.manager.history()] == [call.id]
        assert await lab.manager.live_calls() == []


@virtual
async def test_fifty_deliveries_at_once_have_one_effect_and_one_answer(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, gather = await lab.talking()
        event = lab.event(K.SPEECH, text="hello", turn=gather.turn)
        lab.brain.gate.clear()
        deliveries = [asyncio.create_task(lab.deliver(event)) for _ in range(50)]
        await asyncio.sleep(0.5)
        lab.brain.gate.set()
        replies = await asyncio.gather(*deliveries)
        assert len(set(replies)) == 1
        assert replies[0].status == 200
        assert lab.brain.asked == ["hello"]
        assert [line for line in await lab.said(call.id) if line[0] == "caller"] == [
            ("caller", "hello")
        ]


@virtual
async def test_a_delivery_that_failed_is_taken_when_it_comes_again(tmp_path: Path) -> None:
    async with call_lab(tmp_path, inbound=OPEN) as lab:
        event = lab.event(K.INCOMING, "in-1", from_number=FAR, to_number=MY_NUMBER)
        is_paired = lab.store.is_paired

        async def broken(number: str) -> bool:
            raise refused("STORE-05")

        lab.store.is_paired = broken  # type: ignore[method-assign]
        with pytest.raises(PhoneError):
            await lab.deliver(event)
        lab.store.is_paired = is_paired  # type: ignore[method-assign]
        *_, gather = steps_of(await lab.deliver(event))
        assert isinstance(gather, Gather)
        assert len(await lab.manager.history()) == 1


@virtual
async def test_events_out_of_order_lead_to_one_conversation(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        lab.carrier.holding["place"] = asyncio.Event()
        call = await lab.call_out()
        *_, gather = await lab.hook(K.ANSWERED, call_id=call.id)
        assert isinstance(gather, Gather)
        lab.carrier.holding["place"].set()
        for kind in (K.RINGING, K.QUEUED, K.RINGING):
            await lab.hook(kind, call_id=call.id)
        await lab.hook(K.ANSWERED, call_id=call.id, wants_steps=False)
        (live,) = await lab.manager.live_calls()
        assert (live.state, live.carrier_ref) == (CallState.TALKING, "ref-1")
        assert len(lab.events.of(ev.ReplyText)) == 1


@virtual
async def test_after_the_end_nothing_comes_back_to_life(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, gather = await lab.talking()
        await lab.hook(K.ENDED, call_id=call.id, end_reason=EndReason.FAR_END_HUNG_UP)
        ended = await lab.store.get(call.id)
        for kind in (K.RINGING, K.ANSWERED, K.SPEECH, K.SILENCE, K.CONTINUE, K.INCOMING, K.ENDED):
            steps = await lab.hook(kind, call_id=call.id, text="hello", turn=gather.turn)
            assert steps in ([], [HangUp()])
        assert await lab.store.get(call.id) == ended
        assert lab.brain.asked == []
        assert len(lab.reasons) == 1


KINDS = [
    *(K.INCOMING, K.QUEUED, K.RINGING, K.ANSWERED, K.SPEECH, K.DIGITS, K.SILENCE, K.CONTINUE),
    *(K.MACHINE, K.SPOKEN, K.STREAM_ENDED, K.ENDED, K.OTHER),
]
WEBHOOK = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(["ref-1", "in-1", "in-2"]),
    st.sampled_from(["", "current", "stale"]),
)
HAPPENING = st.one_of(
    WEBHOOK,
    st.tuples(st.just("again"), st.integers(0, 50), st.sampled_from([1, 2, 7])),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 3.0, 40.0]), st.just("")),
    st.tuples(st.just("restart"), st.just(0), st.just("")),
)


@pytest.mark.parametrize("takes_documents", [True, False])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(happenings=st.lists(HAPPENING, min_size=5, max_size=40))
def test_whatever_comes_in_whatever_order_each_call_is_one_call(
    tmp_path_factory: pytest.TempPathFactory,
    takes_documents: bool,
    happenings: list[tuple[Any, Any, Any]],
) -> None:
    run_virtual(_storm(tmp_path_factory.mktemp("storm"), takes_documents, happenings))


async def _storm(
    folder: Path, takes_documents: bool, happenings: list[tuple[Any, Any, Any]]
) -> None:
    delivered: list[tuple[CarrierEvent, WebhookReply]] = []
    ended: dict[str, Call] = {}
    turns: dict[str, str] = {}
    async with call_lab(folder, takes_documents=takes_documents, inbound=OPEN) as lab:
        out = await lab.call_out()
        for happening in happenings:
            match happening:
                case ("wait", seconds, _):
                    await asyncio.sleep(seconds)
                case ("restart", _, _):
                    await lab.close()
                    await lab.open()
                case ("again", index, times):
                    if delivered:
                        event, answer = delivered[index % len(delivered)]
                        again = await asyncio.gather(*(lab.deliver(event) for _ in range(times)))
                        assert set(again) == {answer}
                case (kind, ref, turn):
                    event = lab.event(
                        kind,
                        ref,
                        call_id=out.id if ref == "ref-1" else "",
                        from_number=FAR,
                        to_number=MY_NUMBER,
                        text="hello",
                        digits="1",
                        turn=turns.get(ref, "") if turn == "current" else turn,
                    )
                    answer = await lab.deliver(event)
                    delivered.append((event, answer))
                    for step in steps_of(answer):
                        if isinstance(step, Gather):
                            turns[ref] = step.turn
            calls = await lab.store.history()
            refs = [call.carrier_ref for call in calls if call.carrier_ref]
            assert len(refs) == len(set(refs))
            for call in calls:
                assert ended.get(call.id, call) == call
                if call.state is CallState.ENDED:
                    ended[call.id] = call
                    assert not lab.manager.is_live(call.id)
        assert len(lab.carrier.all("place")) == 1
        spoken = [event for event, _ in delivered if event.kind in (K.SPEECH, K.DIGITS)]
        assert len(lab.brain.asked) <= len(spoken)
        greetings = [event.line for event in lab.events.of(ev.ReplyText) if "AI" in event.text]
        assert len(greetings) == len(set(greetings))
        ends = [event.call.id for event in lab.events.of(ev.CallChanged) if event.call.ended_at]
        assert len(ends) == len(set(ends))


@virtual
async def test_events_of_calls_that_nobody_knows_end_them(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        assert await lab.hook(K.CONTINUE, "ref-9") == [HangUp()]
        assert await lab.hook(K.ENDED, "ref-9") == []
        assert await lab.manager.history() == []


@virtual
async def test_a_carrier_that_is_not_set_up_is_not_answered(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        reply = await lab.manager.on_event(CarrierName.PLIVO, lab.event(K.INCOMING))
        assert reply.status == 404


@virtual
async def test_a_live_call_keeps_its_carrier(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, gather = await lab.talking()
        lab.manager.use(None)
        assert set(lab.manager.carriers) == {CarrierName.TWILIO}
        assert lab.manager.accounts == {CarrierName.TWILIO: lab.carrier}
        (reply,) = await lab.hook(K.SPEECH, text="hello", turn=gather.turn)
        assert isinstance(reply, Gather)
        assert reply.prompt == "You said hello."
        await lab.manager.hang_up(call.id)
        await lab.until(lambda: bool(lab.carrier.all("hang_up")))
        await lab.hook(K.ENDED)
        assert lab.manager.carriers == lab.manager.accounts == {}


@virtual
async def test_old_keys_are_needed_until_the_last_call_on_them_is_over(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        call, gather = await lab.talking()
        old, new = lab.carrier, ScriptedCarrier()
        unused = asyncio.create_task(lab.manager.unused(old))
        lab.manager.use(new)
        await asyncio.sleep(60)
        assert not unused.done()
        assert lab.manager.accounts[CarrierName.TWILIO] is new
        (reply,) = await lab.hook(K.SPEECH, text="hello", turn=gather.turn)
        assert isinstance(reply, Gather)
        assert reply.prompt == "You said hello."
        await lab.manager.hang_up(call.id)
        await lab.until(lambda: bool(old.all("hang_up")))
        assert new.asked == []
        await lab.hook(K.ENDED)
        await asyncio.wait_for(unused, 10)
        assert lab.manager.carriers == {CarrierName.TWILIO: new}


@virtual
async def test_keys_are_needed_while_a_call_is_placed_with_them(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        lab.carrier.holding["place"] = asyncio.Event()
        call = await lab.call_out()
        lab.manager.use(None)
        unused = asyncio.create_task(lab.manager.unused(lab.carrier))
        await lab.hook(K.ENDED, call_id=call.id, end_reason=EndReason.BUSY)
        await lab.ended(call.id)
        assert not unused.done()
        lab.carrier.holding["place"].set()
        await asyncio.wait_for(unused, 10)


@pytest.mark.parametrize("takes_documents", [True, False])
@pytest.mark.parametrize("is_switched", [True, False])
@virtual
async def test_who_calls_in_through_a_carrier_that_was_left_is_turned_away(
    tmp_path: Path, takes_documents: bool, is_switched: bool
) -> None:
    async with call_lab(tmp_path, takes_documents=takes_documents, inbound=OPEN) as lab:
        await lab.incoming("in-1")
        await lab.hook(K.ANSWERED, "in-1")
        lab.manager.use(ScriptedCarrier(CarrierName.PLIVO) if is_switched else None)
        steps = await lab.incoming("in-2", "+14155550124")
        if takes_documents:
            assert steps == [Reject(EndReason.OTHER_CARRIER)]
        else:
            assert [one.ref for one in lab.carrier.all("reject")] == ["in-2"]
        (refused_call,) = [c for c in await lab.manager.history() if c.carrier_ref == "in-2"]
        assert (refused_call.state, refused_call.reason) == (
            CallState.ENDED,
            EndReason.OTHER_CARRIER,
        )
        (live,) = await lab.manager.live_calls()
        assert (live.carrier_ref, live.state) == ("in-1", CallState.TALKING)


@virtual
async def test_two_calls_do_not_hear_each_other(tmp_path: Path) -> None:
    async with call_lab(tmp_path, inbound=OPEN) as lab:
        gathers = {}
        for ref, number in (("in-1", FAR), ("in-2", "+14155550124")):
            *_, gathers[ref] = await lab.incoming(ref, number)
        calls = {call.carrier_ref: call.id for call in await lab.manager.live_calls()}
        for ref, word in (("in-1", "apples"), ("in-2", "pears")):
            gather = gathers[ref]
            assert isinstance(gather, Gather)
            (reply,) = await lab.hook(K.SPEECH, ref, text=word, turn=gather.turn)
            assert isinstance(reply, Gather)
            assert reply.prompt == f"You said {word}."
            await lab.hook(K.ENDED, ref)
        for ref, word in (("in-1", "apples"), ("in-2", "pears")):
            said = await lab.said(calls[ref])
            assert [line for line in said if line[0] == "caller"] == [("caller", word)]


def test_the_helper_reads_back_every_step() -> None:
    steps: list[Step] = [Say("a"), Pause(1), Redirect("u"), HangUp(), Reject(EndReason.BUSY)]
    gather = Gather("p", "t", "r", "s", ("yes",))
    assert steps_of(ScriptedCarrier().reply([*steps, gather])) == [*steps, gather]


@virtual
async def test_a_call_that_is_hung_up_at_once_is_not_dialled(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        approval = await lab.manager.request_call(FAR, CallMode.NOTIFY, "It is up.", "window")
        call = await lab.manager.settle_approval(approval.id, True)
        assert call is not None
        await lab.manager.hang_up(call.id)
        assert (await lab.ended(call.id)).reason is EndReason.CANCELLED
        assert lab.carrier.all("place") == []


@virtual
async def test_nobody_is_dialled_by_a_phone_that_was_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with call_lab(tmp_path) as lab:
        approval = await lab.manager.request_call(FAR, CallMode.NOTIFY, "It is up.", "window")
        may_go_on, plan = asyncio.Event(), lab.store.plan

        async def slow(call: Call) -> None:
            await may_go_on.wait()
            await plan(call)

        monkeypatch.setattr(lab.store, "plan", slow)
        settling = asyncio.create_task(lab.manager.settle_approval(approval.id, True))
        await asyncio.sleep(1)
        await lab.manager.close()
        may_go_on.set()
        call = await settling
        assert call is not None
        await lab.ended(call.id)
        assert lab.carrier.all("place") == []
