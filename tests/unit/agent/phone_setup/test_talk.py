"""The phone is set up by talking, from the first wish to a number that works."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desktop_voice.agent.phone_setup.draft import Step
from desktop_voice.agent.phone_setup.talk import CONFIRM_WITHIN_S, IDLE_S, SetUpTalk
from desktop_voice.agent.reply import Filler
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError, VaultError
from desktop_voice.core.phone_settings import CarrierChoice, InboundPolicy, TunnelChoice
from desktop_voice.core.reach import Fix, Hop, HopReport, HopState, NumberChoice, SetUpWish
from desktop_voice.core.settings import Settings
from tests.helpers.phone_setup import KEY_NAMES, NUMBER, ScriptedPhone
from tests.unit.agent.phone_setup.conversation import USUAL, Conversation
from tests.unit.core.test_secret_text import ALL, SID, TOKEN

CALLER = "+15559876543"
CALLER_SAID = "plus one, five, five, five, nine, eight, seven, six, five, four, three"
CALLER_READ = "plus 1 5 5 5 9 8 7 6 5 4 3"
BERLIN = "+4930901820"


def keyed(carrier: CarrierName = CarrierName.TWILIO, **more: object) -> ScriptedPhone:
    """Return a phone whose keys are in the vault."""
    return ScriptedPhone(vault={name: ALL[name] for name in KEY_NAMES[carrier]}, **more)  # type: ignore[arg-type]


def nothing_leaks(talk: Conversation, replies: list[str]) -> None:
    for secret in ALL.values():
        for words in [*talk.seen, *talk.passed_on, *replies]:
            assert secret not in words
            assert secret.lower() not in words.lower()


@pytest.mark.parametrize(
    ("carrier", "begin"),
    [
        (CarrierName.TWILIO, ["I want to receive phone calls.", "Twilio."]),
        (CarrierName.TELNYX, ["I want to use Telnyx for calls."]),
        (CarrierName.PLIVO, ["Set up phone calls", "The third."]),
    ],
)
async def test_from_the_wish_to_a_number_that_works(carrier: CarrierName, begin: list[str]) -> None:
    talk = Conversation()
    phone = talk.phone
    assert phone is not None
    replies = [await talk.say(text) for text in begin]
    if len(begin) > 1:
        assert "First, Twilio; second, Telnyx; or third, Plivo?" in replies[0]
    account = f"You need an account at {carrier.value.title()}"
    assert account in replies[-1]
    assert account not in await talk.say("where is it")
    for name in KEY_NAMES[carrier]:
        assert "Please give me the" in replies[-1]
        assert "paste" in replies[-1]
        replies.append(await talk.say(ALL[name]))
        assert f"[{name}]" in talk.seen[-1]
    assert "Your number is plus 1 5 5 5 0 0 0 1 2 3 4" in replies[-1]
    assert "Cloudflare Tunnel needs no account" in replies[-1]
    replies.append(await talk.say("Use Cloudflare Tunnel for voice calls."))
    assert "Who may call?" in replies[-1]
    replies.append(await talk.say(f"Only accept calls from {CALLER_SAID}."))
    assert f"Only {CALLER_READ} may call. Is that right?" in replies[-1]
    assert phone.settings.inbound.policy is InboundPolicy.DISABLED
    replies.append(await talk.say("Yes."))
    assert "What shall callers hear first?" in replies[-1]
    replies.append(await talk.say("Set a greeting: Hello, how can I help you?"))
    assert "Your number plus 1 5 5 5 0 0 0 1 2 3 4 works" in replies[-1]
    assert talk.fillers[0] == "One moment."
    assert phone.wishes == [
        SetUpWish(
            carrier,
            NUMBER,
            TunnelChoice.CLOUDFLARED,
            InboundPolicy.ALLOWLIST,
            (CALLER,),
            "Hello, how can I help you?",
        )
    ]
    assert phone.vault == {name: ALL[name] for name in KEY_NAMES[carrier]}
    assert phone.settings.phone.greeting == "Hello, how can I help you?"
    nothing_leaks(talk, replies)
    replies.append(await talk.say("Rehearse."))
    assert phone.wishes[-1].rehearses
    assert await talk.say("thanks") == USUAL
    assert talk.passed_on == ["thanks"]


async def test_one_sentence_may_say_everything() -> None:
    talk = Conversation()
    phone = talk.phone
    assert phone is not None
    reply = await talk.say(
        f"Twilio Account SID is {SID}, Auth Token is {TOKEN}, my number is {NUMBER}, use ngrok"
    )
    assert phone.vault == {"twilio_account_sid": SID, "twilio_auth_token": TOKEN}
    assert "I put the Account SID and the Auth Token into the vault." in reply
    assert "ngrok authtoken" in reply
    nothing_leaks(talk, [reply])
    reply = await talk.say(ALL["ngrok_authtoken"])
    assert "Who may call?" in reply
    reply = await talk.say_all("ask for a code", "skip")
    assert "works" in reply
    assert phone.wishes == [
        SetUpWish(CarrierName.TWILIO, NUMBER, TunnelChoice.NGROK, InboundPolicy.PAIRING)
    ]


async def test_keys_are_spelled_as_the_recogniser_writes_them() -> None:
    talk = Conversation()
    phone = talk.phone
    assert phone is not None
    await talk.say_all("I want to use Twilio for calls", ", ".join(SID) + ".")
    await talk.say("It is " + " ".join(TOKEN.upper()))
    assert phone.vault == {"twilio_account_sid": SID, "twilio_auth_token": TOKEN}
    assert talk.seen[1:] == ["[twilio_account_sid].", "It is [twilio_auth_token]"]


async def test_half_a_key_is_neither_shown_nor_kept() -> None:
    talk = Conversation()
    phone = talk.phone
    assert phone is not None
    await talk.say_all("I want to use Twilio for calls", SID)
    reply = await talk.say(" ".join(TOKEN[:20]))
    assert "I got 20 characters. It has exactly 32 characters" in reply
    assert talk.seen[-1] == "[key]"
    assert "twilio_auth_token" not in phone.vault
    assert talk.talk.shown(" ".join(TOKEN[:12])) == "[key]"


async def test_a_vault_that_stays_closed_is_told_of() -> None:
    phone = ScriptedPhone(
        errors={"keep_secret": VaultError("VAULT-10", "It is locked.", "Open it.")}
    )
    talk = Conversation(phone)
    reply = await talk.say_all("I want to use Twilio for calls", SID)
    assert "I could not keep the key. It is locked. Open it." in reply
    assert talk.problems == ["VAULT-10"]
    assert phone.vault == {}
    await talk.say(SID)
    assert phone.vault == {"twilio_account_sid": SID}


# --- numbers ---

TWO = (NumberChoice("+15550001234", "Office"), NumberChoice("+15550005642"))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("the first", TWO[0].number),
        ("The second one, please.", TWO[1].number),
        ("number two", TWO[1].number),
        ("the last", TWO[1].number),
        ("The one ending in 42.", TWO[1].number),
        ("the one that ends with one two three four", TWO[0].number),
        ("+1 555 000 5642", TWO[1].number),
        ("My number is plus one five five five, zero zero zero, five six four two.", TWO[1].number),
    ],
)
async def test_one_of_several_numbers_is_chosen(text: str, number: str) -> None:
    talk = Conversation(keyed(account=TWO))
    phone = talk.phone
    assert phone is not None
    reply = await talk.say("I want to use Twilio for calls")
    assert "The account has 2 numbers. 1: plus 1 5 5 5 0 0 0 1 2 3 4, Office. 2: plus" in reply
    assert "How shall calls reach" in await talk.say(text)
    await talk.say_all("cloudflare", "nobody", "skip")
    assert phone.wishes[0].number == number


async def test_a_number_of_another_account_is_not_taken() -> None:
    talk = Conversation(keyed(account=TWO))
    reply = await talk.say_all("I want to use Twilio for calls", "my number is +15550009999")
    assert "is not in this account" in reply
    assert "Which one?" in reply


async def test_without_a_number_it_says_how_to_buy_one() -> None:
    phone = keyed(account=())
    talk = Conversation(phone)
    reply = await talk.say("I want to use Twilio for calls")
    assert "Buy a Number" in reply
    phone.account = TWO[:1]
    assert "Your number is plus 1 5 5 5 0 0 0 1 2 3 4." in await talk.say("try again")


async def test_a_wrong_key_can_be_given_again() -> None:
    refused = PhoneError("CARRIER-03", "Twilio refused the key.", "Copy the Auth Token again.")
    phone = keyed(errors={"numbers": refused})
    talk = Conversation(phone)
    reply = await talk.say("I want to use Twilio for calls")
    assert "Twilio refused the key. Copy the Auth Token again." in reply
    assert talk.problems == ["CARRIER-03"]
    other = TOKEN[::-1]
    assert "How shall calls reach" in await talk.say(other)
    assert phone.vault["twilio_auth_token"] == other
    assert talk.seen[-1] == "[twilio_auth_token]"


# --- tunnels ---


async def test_an_address_of_ones_own() -> None:
    phone = keyed()
    talk = Conversation(phone)
    await talk.say("I want to use Twilio for calls")
    assert "public address" in await talk.say("my own address")
    assert "Who may call?" in await talk.say("https://phone.example.com")
    await talk.say_all("code", "skip")
    assert phone.settings.phone.public_url == "https://phone.example.com"
    assert phone.wishes[0].tunnel is TunnelChoice.NONE
    # Changed by itself, it would be a set-up's first half.
    assert phone.besides[0] == (("phone", "public_url", "https://phone.example.com"),)


async def test_a_tunnel_wins_over_an_address_that_was_there_before() -> None:
    phone = keyed(settings=Settings().with_value("phone", "public_url", "https://old.example.com"))
    talk = Conversation(phone)
    await talk.say_all("I want to use Twilio for calls", "tail scale", "code", "skip")
    assert phone.settings.phone.public_url == ""
    assert phone.settings.tunnel.provider is TunnelChoice.TAILSCALE


async def test_a_named_tunnel_needs_its_host_name() -> None:
    phone = keyed()
    talk = Conversation(phone)
    await talk.say("I want to use Twilio for calls")
    assert "Which host name" in await talk.say(ALL["cloudflare_tunnel_token"])
    await talk.say_all("phone.example.com", "code", "skip")
    assert phone.settings.tunnel.cloudflare_hostname == "phone.example.com"
    assert phone.vault["cloudflare_tunnel_token"] == ALL["cloudflare_tunnel_token"]


# --- steering ---


async def test_skipping_everything_leaves_safe_settings() -> None:
    phone = ScriptedPhone()
    talk = Conversation(phone)
    phone.account = ()
    await talk.say("I want to use Plivo for calls")
    phone.vault |= {name: ALL[name] for name in KEY_NAMES[CarrierName.PLIVO]}
    for _ in range(5):
        reply = await talk.say("skip")
    assert "works" in reply
    assert phone.wishes == [SetUpWish(CarrierName.PLIVO, policy=InboundPolicy.PAIRING)]


async def test_back_goes_to_the_question_before() -> None:
    talk = Conversation(keyed())
    await talk.say_all("I want to use Twilio for calls", "ngrok", "skip", "nobody")
    assert "Who may call?" in await talk.say("back")
    assert "ngrok authtoken" in await talk.say("Go back.")
    assert "How shall calls reach" in await talk.say("back")
    assert "Which phone company" in await talk.say("back")
    assert "Which phone company" in await talk.say("back")


async def test_it_tells_what_is_missing() -> None:
    talk = Conversation()
    await talk.say("I want to receive phone calls")
    assert "Still missing: the phone company" in await talk.say("What is missing?")
    await talk.say("Twilio")
    reply = await talk.say("what's still missing")
    assert "the Account SID, the Auth Token, the number, the tunnel, who may call" in reply


BEFORE_EACH_STEP = {
    Step.CARRIER: ["I want to receive phone calls"],
    Step.KEY: ["I want to use Twilio for calls"],
    Step.NUMBER: ["I want to use Twilio for calls", SID, TOKEN],
    Step.TUNNEL: ["I want to use Twilio for calls", SID, TOKEN, "the first"],
    Step.TUNNEL_DETAIL: ["I want to use Twilio for calls", SID, TOKEN, "the first", "ngrok"],
    Step.POLICY: ["I want to use Twilio for calls", SID, TOKEN, "the first", "cloudflare"],
    Step.GREETING: [
        *["I want to use Twilio for calls", SID, TOKEN, "the first", "cloudflare"],
        "nobody",
    ],
}


def at(step: Step) -> Conversation:
    return Conversation(ScriptedPhone(account=TWO))


@pytest.mark.parametrize("word", ["cancel", "Never mind.", "Stop it"])
@pytest.mark.parametrize("step", BEFORE_EACH_STEP)
async def test_it_can_be_cancelled_anywhere(step: Step, word: str) -> None:
    talk = at(step)
    await talk.say_all(*BEFORE_EACH_STEP[step])
    assert "stopped setting up the phone" in await talk.say(word)
    assert talk.phone is not None
    assert talk.phone.wishes == []
    assert talk.phone.settings == Settings()
    assert await talk.say("yes") == USUAL


@pytest.mark.parametrize("step", BEFORE_EACH_STEP)
async def test_whatever_else_is_asked_is_answered_and_the_question_comes_again(step: Step) -> None:
    talk = at(step)
    question = await talk.say_all(*BEFORE_EACH_STEP[step])
    reply = await talk.say("What time is it?")
    assert reply.startswith(f"{USUAL} Back to your phone:")
    assert reply.removeprefix(f"{USUAL} Back to your phone: ") in question


@pytest.mark.parametrize("step", [step for step in BEFORE_EACH_STEP if step is not Step.GREETING])
async def test_what_is_not_understood_is_asked_again_and_then_the_window_is_offered(
    step: Step,
) -> None:
    talk = at(step)
    await talk.say_all(*BEFORE_EACH_STEP[step])
    assert "I did not understand that." in await talk.say("green bananas sing")
    assert "in the window, on the page Phone" in await talk.say("green bananas sing")
    assert talk.passed_on == []


async def test_with_a_model_a_question_is_answered_by_it_and_an_answer_is_not() -> None:
    talk = Conversation(has_model=True)
    await talk.say("I want to use Twilio for calls")
    assert USUAL in await talk.say("What is a SID?")
    await talk.say("my account thing is hidden")
    assert talk.passed_on == ["What is a SID?"]


@pytest.mark.parametrize(
    "greeting",
    ["Hello, everyone! Please let me know what you want.", "How can I help you?", "Hi there"],
)
async def test_a_greeting_is_taken_as_it_is_said(greeting: str) -> None:
    talk = at(Step.GREETING)
    await talk.say_all(*BEFORE_EACH_STEP[Step.GREETING])
    reply = await talk.say(greeting)
    assert f"Callers will hear: {greeting}" in reply
    assert talk.phone is not None
    assert talk.phone.settings.phone.greeting == greeting


async def test_a_greeting_that_is_too_long_is_asked_for_again() -> None:
    talk = at(Step.GREETING)
    await talk.say_all(*BEFORE_EACH_STEP[Step.GREETING])
    assert "too long" in await talk.say("Hello " * 60)
    assert "works" in await talk.say("skip")


# --- what is in the way ---


def failed(hop: Hop, fix: Fix) -> HopReport:
    return HopReport(
        hop, HopState.FAILED, f"The {hop.value} is broken", "REACH-09", "Mend it.", fix
    )


async def ready_to_run(*obstacles: tuple[HopReport, ...]) -> Conversation:
    talk = Conversation(keyed(obstacles=list(obstacles)))
    await talk.say_all("I want to use Twilio for calls", "cloudflare", "ask for a code")
    return talk


async def test_every_hop_that_fails_is_told_with_its_remedy() -> None:
    broken = (failed(Hop.TUNNEL, Fix.RESTART_TUNNEL), failed(Hop.DNS, Fix.CHECK_AGAIN))
    talk = await ready_to_run(broken)
    reply = await talk.say("skip")
    assert "Tunnel: The tunnel is broken. Mend it." in reply
    assert "Public name: The dns is broken. Mend it." in reply
    assert "try again" in reply
    assert "works" in await talk.say("Try again.")


async def test_a_key_that_is_refused_at_the_end_can_be_given_again() -> None:
    talk = await ready_to_run((failed(Hop.LOGIN, Fix.ENTER_KEYS),))
    assert "You can give me the right key now." in await talk.say("skip")
    assert "works" in await talk.say(TOKEN)
    assert talk.seen[-1] == "[twilio_auth_token]"


@pytest.mark.parametrize(
    ("fix", "question", "answer"),
    [
        (Fix.CHOOSE_NUMBER, "Your number is", "skip"),
        (Fix.CHOOSE_POLICY, "Who may call?", "nobody"),
    ],
)
async def test_what_has_to_be_chosen_again_is_asked_again(
    fix: Fix, question: str, answer: str
) -> None:
    talk = await ready_to_run((failed(Hop.NUMBER, fix),))
    assert question in await talk.say("skip")
    if fix is Fix.CHOOSE_POLICY:
        assert "works" in await talk.say(answer)


async def test_an_error_is_told_and_it_can_be_tried_again() -> None:
    talk = await ready_to_run()
    assert talk.phone is not None
    talk.phone.errors["set_up"] = PhoneError("SETUP-01", "The network is down.", "Wait for it.")
    assert "The network is down. Wait for it." in await talk.say("skip")
    assert talk.problems == ["SETUP-01"]
    assert "works" in await talk.say("again")


async def test_a_reply_that_is_cut_ends_the_work_and_it_can_go_on_later() -> None:
    talk = await ready_to_run()
    phone = talk.phone
    assert phone is not None
    phone.gate.clear()
    reply = talk.reply("skip")
    assert await anext(reply) == Filler("One moment.")
    await phone.started.wait()
    await reply.aclose()
    assert phone.given_up == 1
    assert phone.settings == Settings()
    phone.gate.set()
    assert f"{USUAL} Back to your phone: Say “try again”" in await talk.say("what time is it")
    assert "works" in await talk.say("try again")


# --- who may call, at any time ---


def policy(talk: Conversation) -> tuple[InboundPolicy, list[str]]:
    assert talk.phone is not None
    inbound = talk.phone.settings.inbound
    return inbound.policy, inbound.allow_from


def with_policy(choice: InboundPolicy, *numbers: str) -> Conversation:
    chosen = Settings().with_value("inbound", "policy", choice)
    return Conversation(ScriptedPhone(chosen.with_value("inbound", "allow_from", list(numbers))))


@pytest.mark.parametrize(
    ("text", "before", "read_back", "after"),
    [
        (
            f"Only accept calls from {CALLER}",
            with_policy(InboundPolicy.OPEN, BERLIN),
            f"Only {CALLER_READ} may call. Is that right?",
            (InboundPolicy.ALLOWLIST, [CALLER]),
        ),
        (
            f"Also accept calls from {CALLER_SAID}.",
            with_policy(InboundPolicy.ALLOWLIST, BERLIN),
            f"Besides, {CALLER_READ} may call. Is that right?",
            (InboundPolicy.ALLOWLIST, [BERLIN, CALLER]),
        ),
        (
            f"Also accept calls from {CALLER}",
            with_policy(InboundPolicy.PAIRING),
            "Is that right?",
            (InboundPolicy.PAIRING, [CALLER]),
        ),
        (
            "Also accept calls from 415 555 0123",
            with_policy(InboundPolicy.DISABLED),
            "plus 1 4 1 5 5 5 5 0 1 2 3 may call",
            (InboundPolicy.ALLOWLIST, ["+14155550123"]),
        ),
        (
            f"Also, except called from {CALLER_SAID}.",
            with_policy(InboundPolicy.DISABLED),
            f"Besides, {CALLER_READ} may call. Is that right?",
            (InboundPolicy.ALLOWLIST, [CALLER]),
        ),
        (
            "Accept calls from anyone.",
            with_policy(InboundPolicy.ALLOWLIST, BERLIN),
            "you pay for the calls. Is that what you want?",
            (InboundPolicy.OPEN, [BERLIN]),
        ),
        (
            "Ask callers for a code",
            with_policy(InboundPolicy.DISABLED),
            "asked for a code",
            (InboundPolicy.PAIRING, []),
        ),
    ],
)
async def test_more_may_call_only_after_a_yes(
    text: str, before: Conversation, read_back: str, after: tuple[InboundPolicy, list[str]]
) -> None:
    was = policy(before)
    assert read_back in await before.say(text)
    assert policy(before) == was
    assert await before.say("no") == "Okay, nothing is changed."
    assert policy(before) == was
    assert await before.say("yes") == USUAL
    assert policy(before) == was
    await before.say_all(text, "Yes, that's right.")
    assert policy(before) == after
    assert before.did == ["phone.callers"]


async def test_nobody_may_call_at_once() -> None:
    talk = with_policy(InboundPolicy.OPEN)
    assert "Nobody can call now." in await talk.say("Don't accept calls.")
    assert policy(talk) == (InboundPolicy.DISABLED, [])


@pytest.mark.parametrize("between", ["what time is it", "What is the capital of France?"])
async def test_a_yes_to_something_else_opens_nothing(between: str) -> None:
    talk = Conversation()
    await talk.say_all("Accept calls from anyone", between)
    assert await talk.say("yes") == USUAL
    assert policy(talk) == (InboundPolicy.DISABLED, [])


async def test_a_yes_that_comes_late_opens_nothing() -> None:
    talk = Conversation()
    await talk.say("Accept calls from anyone")
    talk.clock.advance(CONFIRM_WITHIN_S + 1)
    assert await talk.say("yes") == USUAL
    assert policy(talk) == (InboundPolicy.DISABLED, [])


async def test_within_the_set_up_anyone_may_call_only_after_a_yes_as_well() -> None:
    talk = at(Step.POLICY)
    await talk.say_all(*BEFORE_EACH_STEP[Step.POLICY])
    assert "Is that what you want?" in await talk.say("anyone")
    assert "Please say yes or no" in await talk.say("green bananas sing")
    assert "Who may call?" in await talk.say("no")
    await talk.say_all("anyone", "yes", "skip")
    assert policy(talk)[0] is InboundPolicy.OPEN


async def test_skipping_a_confirmation_is_no_yes() -> None:
    talk = at(Step.POLICY)
    await talk.say_all(*BEFORE_EACH_STEP[Step.POLICY], "anyone")
    assert "Who may call?" in await talk.say("skip")
    await talk.say_all("skip", "skip")
    assert policy(talk)[0] is InboundPolicy.PAIRING


@pytest.mark.parametrize(
    "text",
    [
        "Only accept calls from 12",
        "Accept calls from anyone but +15559876543",
        "Don't accept calls from +15559876543",
        "Accept calls from +15559876543 and my aunt",
        "Should I accept calls from anyone",
    ],
)
async def test_what_is_not_plain_changes_nothing(text: str) -> None:
    talk = with_policy(InboundPolicy.ALLOWLIST, BERLIN)
    await talk.say_all(text, "yes")
    assert policy(talk) == (InboundPolicy.ALLOWLIST, [BERLIN])


# --- other single commands ---


async def test_a_greeting_is_set() -> None:
    talk = Conversation()
    reply = await talk.say("Set a greeting: Hello, how can I help you?")
    assert reply == "Callers will hear: Hello, how can I help you?"
    assert talk.phone is not None
    assert talk.phone.settings.phone.greeting == "Hello, how can I help you?"
    assert "in one go" in await talk.say("Set a greeting.")
    assert "too long" in await talk.say("Set a greeting: " + "hello " * 60)
    assert talk.phone.settings.phone.greeting == "Hello, how can I help you?"


async def test_a_greeting_card_is_none() -> None:
    assert await Conversation().say("Make a greeting card for Anna") == USUAL


@pytest.mark.parametrize(
    ("text", "tunnel", "url"),
    [
        ("Use Cloudflare Tunnel for voice calls", TunnelChoice.CLOUDFLARED, ""),
        ("Use ngrok for voice calls", TunnelChoice.NGROK, ""),
        ("Use Tailscale for voice calls.", TunnelChoice.TAILSCALE, ""),
        (
            "Use my own address https://phone.example.com for voice calls",
            TunnelChoice.NONE,
            "https://phone.example.com",
        ),
    ],
)
async def test_a_tunnel_is_chosen(text: str, tunnel: TunnelChoice, url: str) -> None:
    old = Settings().with_value("phone", "public_url", "https://old.example.com")
    talk = Conversation(ScriptedPhone(old))
    assert "from now on" in await talk.say(text)
    assert talk.phone is not None
    assert talk.phone.settings.tunnel.provider is tunnel
    assert talk.phone.settings.phone.public_url == url


async def test_the_configuration_is_checked() -> None:
    warning = HopReport(Hop.CLOCK, HopState.WARNING, "The clock is 40 s off.", "R", "Set it.")
    phone = ScriptedPhone(obstacles=[(failed(Hop.TUNNEL, Fix.NONE),), (warning,)])
    talk = Conversation(phone)
    reply = await talk.say("Check the voice call configuration.")
    assert "Calls do not come in. Tunnel: The tunnel is broken. Mend it." in reply
    assert talk.fillers == ["One moment."]
    reply = await talk.say("check the phone")
    assert "All is well: calls come in." in reply
    assert "Clock: The clock is 40 s off. Set it." in reply


async def test_a_key_of_a_phone_that_is_set_up_is_only_replaced() -> None:
    chosen = Settings().with_value("phone", "carrier", CarrierChoice.TWILIO)
    phone = keyed(settings=chosen)
    talk = Conversation(phone)
    other = TOKEN[::-1]
    reply = await talk.say(f"My Twilio auth token is {other}")
    assert reply == "I put the Auth Token into the vault."
    assert phone.vault["twilio_auth_token"] == other
    assert await talk.say("what time is it") == USUAL


async def test_keys_of_another_carrier_begin_a_set_up_with_it() -> None:
    chosen = Settings().with_value("phone", "carrier", CarrierChoice.TELNYX)
    talk = Conversation(keyed(CarrierName.TELNYX, settings=chosen))
    reply = await talk.say(
        f"Twilio Account SID is {SID}, Auth Token is {TOKEN}, my number is {NUMBER}"
    )
    assert "Cloudflare Tunnel needs no account" in reply
    await talk.say_all("the first", "ask for a code", "skip")
    assert talk.phone is not None
    (wish,) = talk.phone.wishes
    assert (wish.carrier, wish.number) == (CarrierName.TWILIO, NUMBER)


async def test_a_number_beside_keys_is_no_more_dropped_once_the_phone_works() -> None:
    other = "+15550009999"
    account = (NumberChoice(NUMBER, ""), NumberChoice(other, ""))
    chosen = Settings().with_value("phone", "carrier", CarrierChoice.TWILIO)
    chosen = chosen.with_value("phone", "number", NUMBER)
    talk = Conversation(keyed(settings=chosen, account=account))
    reply = await talk.say(f"My Twilio auth token is {TOKEN}, my number is {other}")
    assert "Cloudflare Tunnel needs no account" in reply
    await talk.say_all("the first", "ask for a code", "skip")
    assert talk.phone is not None
    assert talk.phone.settings.phone.number == other
    # Where the guide has just come to its end, too.
    reply = await talk.say(f"My Twilio auth token is {TOKEN}, my number is {NUMBER}")
    await talk.say_all("the first", "ask for a code", "skip")
    assert talk.phone.settings.phone.number == NUMBER


TUNNEL_TOKEN = ALL["cloudflare_tunnel_token"]


@pytest.mark.parametrize(
    "text",
    [
        f"Use Cloudflare Tunnel for voice calls with token {TUNNEL_TOKEN} and hostname "
        "phone.example.com",
        f"Use Cloudflare Tunnel for voice calls, token {TUNNEL_TOKEN}, hostname phone.example.com.",
        "Use Cloudflare Tunnel for voice calls with hostname phone.example.com and token "
        f"{TUNNEL_TOKEN}",
        f"My Cloudflare tunnel token is {TUNNEL_TOKEN} and the hostname is phone.example.com",
    ],
)
async def test_a_named_tunnel_is_chosen_in_one_sentence(text: str) -> None:
    old = Settings().with_value("tunnel", "provider", TunnelChoice.NGROK)
    talk = Conversation(ScriptedPhone(old))
    reply = await talk.say(text)
    assert talk.phone is not None
    assert talk.phone.vault == {"cloudflare_tunnel_token": TUNNEL_TOKEN}
    tunnel = talk.phone.settings.tunnel
    assert tunnel.provider is TunnelChoice.CLOUDFLARED
    assert tunnel.cloudflare_hostname == "phone.example.com"
    assert "Calls reach this computer through Cloudflare Tunnel from now on." in reply
    assert "token is" not in reply
    nothing_leaks(talk, [reply])
    # Another token for the same tunnel is only kept.
    reply = await talk.say(f"My Cloudflare tunnel token is {TUNNEL_TOKEN}")
    assert reply == "I put the Cloudflare tunnel token into the vault."


async def test_a_tunnels_token_without_its_host_name_asks_for_it() -> None:
    old = Settings().with_value("tunnel", "provider", TunnelChoice.NGROK)
    for begin in ("Use Cloudflare Tunnel for voice calls with token", "My Cloudflare tunnel token"):
        talk = Conversation(ScriptedPhone(old))
        reply = await talk.say(f"{begin} {TUNNEL_TOKEN}")
        assert "Which host name does your tunnel at Cloudflare have?" in reply
        assert talk.phone is not None
        assert talk.phone.vault == {"cloudflare_tunnel_token": TUNNEL_TOKEN}
        assert talk.phone.settings.tunnel == old.tunnel
        reply = await talk.say(
            "Use Cloudflare Tunnel for voice calls with hostname phone.example.com"
        )
        assert "needs the tunnel's token" in reply
        assert talk.phone.settings.tunnel.provider is TunnelChoice.CLOUDFLARED
        assert talk.phone.settings.tunnel.cloudflare_hostname == "phone.example.com"


async def test_a_key_nobody_knows_is_masked_and_passed_on_so() -> None:
    talk = Conversation()
    assert await talk.say(f"what is {TOKEN}") == USUAL
    assert talk.passed_on == ["what is [key]"]


# --- lives beside others ---


async def test_conversations_know_nothing_of_each_other() -> None:
    phone = ScriptedPhone()
    one, other = Conversation(phone), Conversation(phone)
    await one.say_all("I want to receive phone calls", "Twilio")
    await other.say("Accept calls from anyone")
    assert await other.say(TOKEN) == USUAL
    assert await one.say("yes") != USUAL
    assert phone.settings.inbound.policy is InboundPolicy.DISABLED
    assert phone.vault == {}


async def test_a_set_up_that_nobody_goes_on_with_is_over() -> None:
    talk = Conversation()
    await talk.say("I want to receive phone calls")
    talk.clock.advance(IDLE_S + 1)
    assert await talk.say("Twilio") == USUAL


async def test_it_goes_on_where_keys_are_kept_already() -> None:
    talk = Conversation()
    await talk.say_all("I want to use Twilio for calls", SID, "cancel")
    assert "Please give me the Auth Token" in await talk.say("I want to use Twilio for calls")


async def test_who_goes_on_speaking_gives_one_answer() -> None:
    talk = at(Step.POLICY)
    await talk.say_all(*BEFORE_EACH_STEP[Step.POLICY])
    assert "Is that what you want?" in await talk.say("anyone")
    talk.talk.withdrawn()
    assert "What shall callers hear first?" in await talk.say("anyone with the code")


async def test_a_yes_that_goes_on_lets_nobody_in() -> None:
    talk = with_policy(InboundPolicy.ALLOWLIST, BERLIN)
    await talk.say_all("Accept calls from anyone", "yes")
    assert policy(talk)[0] is InboundPolicy.OPEN
    talk.talk.withdrawn()
    await talk.say("yes but not today")
    assert policy(talk) == (InboundPolicy.ALLOWLIST, [BERLIN])


async def test_a_yes_that_was_dropped_lets_nobody_in_either() -> None:
    talk = with_policy(InboundPolicy.ALLOWLIST, BERLIN)
    await talk.say_all("Only accept calls from +15559876543", "yes")
    talk.talk.withdrawn()
    assert policy(talk) == (InboundPolicy.ALLOWLIST, [BERLIN])
    # The question still stands, as if nothing had been answered.
    await talk.say("yes")
    assert policy(talk) == (InboundPolicy.ALLOWLIST, [CALLER])


async def test_a_question_stands_until_the_whole_answer_was_heard() -> None:
    talk = with_policy(InboundPolicy.ALLOWLIST, BERLIN)
    await talk.say_all("Accept calls from anyone", "let me think")
    talk.talk.withdrawn()
    await talk.say("yes")
    assert policy(talk)[0] is InboundPolicy.OPEN


async def test_what_the_window_has_changed_since_stays() -> None:
    talk = with_policy(InboundPolicy.OPEN)
    assert talk.phone is not None
    await talk.say("what time is it")
    talk.phone.change("inbound", "policy", InboundPolicy.DISABLED)
    talk.talk.withdrawn()
    await talk.say("what time is it")
    assert policy(talk)[0] is InboundPolicy.DISABLED
    await talk.say_all("Accept calls from anyone", "yes")
    talk.phone.change("inbound", "policy", InboundPolicy.ALLOWLIST)
    talk.talk.withdrawn()
    assert policy(talk)[0] is InboundPolicy.ALLOWLIST


async def test_a_set_up_that_was_cut_lets_nobody_in() -> None:
    talk = at(Step.POLICY)
    await talk.say_all(*BEFORE_EACH_STEP[Step.POLICY], "anyone", "yes")
    assert "works" in await talk.say("skip")
    assert policy(talk)[0] is InboundPolicy.OPEN
    talk.talk.withdrawn()
    assert policy(talk)[0] is InboundPolicy.DISABLED


async def test_without_a_phone_nothing_is_kept_and_the_key_is_masked() -> None:
    talk = Conversation(None)
    assert "not kept" in await talk.say(f"My auth token is {TOKEN}")
    assert await talk.say("I want to receive phone calls") == USUAL
    nothing_leaks(talk, [])


def test_what_is_still_being_said_is_shown_without_its_keys() -> None:
    talk = Conversation().talk
    assert isinstance(talk, SetUpTalk)
    assert talk.shown(f"my auth token is {TOKEN}") == "my auth token is [twilio_auth_token]"


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(list(BEFORE_EACH_STEP)),
    st.lists(
        st.text(max_size=60) | st.sampled_from(["anyone", "from +1", "\0", "😀" * 9]), max_size=4
    ),
)
def test_hostile_words_open_nothing_and_break_nothing(step: Step, texts: list[str]) -> None:
    async def run() -> None:
        talk = at(step)
        await talk.say_all(*BEFORE_EACH_STEP[step])
        for text in texts:
            await talk.say(text)
        assert policy(talk)[0] in (InboundPolicy.DISABLED, InboundPolicy.PAIRING)
        assert policy(talk)[1] == []

    asyncio.run(run())
