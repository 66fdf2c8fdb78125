"""Keys in sentences: all of them found and masked, and nothing else."""

import base64
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.core.secret_text import find_secrets, masked

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "fedcba9876543210" * 2
TELNYX_KEY = "KEY0190ABCDEF1234567890_abcDEFghiJ"
CONNECTION = "1684225990120012345"
PUBLIC_KEY = base64.b64encode(bytes(range(7, 39))).decode()
SPKI_KEY = base64.b64encode(bytes.fromhex("302a300506032b6570032100") + bytes(range(32))).decode()
PLIVO_ID = "MA0123456789ABCDEFGH"
PLIVO_TOKEN = "OWJhZjQ4YzYtZDhkNy00MDFmLTg5NjQtYzE2NmY0"
OPENAI = "sk-proj-Ab3dEf6hIj9kLmN0pQr2StUv"
TUNNEL = base64.b64encode(json.dumps({"a": "acc", "t": "tun", "s": "c2VjcmV0"}).encode()).decode()
NGROK = "2abCDeFGh1JKLmnoPQRstuVWXyz_0123456789abcdEFGHij"

ALL = {
    "twilio_account_sid": SID,
    "twilio_auth_token": TOKEN,
    "telnyx_api_key": TELNYX_KEY,
    "telnyx_connection_id": CONNECTION,
    "telnyx_public_key": PUBLIC_KEY,
    "plivo_auth_id": PLIVO_ID,
    "plivo_auth_token": PLIVO_TOKEN,
    "openai_api_key": OPENAI,
    "cloudflare_tunnel_token": TUNNEL,
    "ngrok_authtoken": NGROK,
}
WRAPPED = ["{}", "It is {}.", "Here you are: “{}”, thanks", "  {}\n", "({})", "key={}", '"{}"']


@pytest.mark.parametrize("frame", WRAPPED)
@pytest.mark.parametrize(("name", "value"), ALL.items())
def test_a_key_that_was_asked_for_is_found_and_masked(name: str, value: str, frame: str) -> None:
    found = find_secrets(frame.format(value), name)
    assert found.secrets == ((name, value),)
    assert found.masked_text == frame.format(f"[{name}]")


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        (
            f"Twilio Account SID is {SID}, Auth Token is {TOKEN}, my number is +15550001234",
            {"twilio_account_sid": SID, "twilio_auth_token": TOKEN},
        ),
        (f"{SID} {TOKEN}", {"twilio_account_sid": SID, "twilio_auth_token": TOKEN}),
        (f"{TOKEN} is my auth token", {"twilio_auth_token": TOKEN}),
        (f"TWILIO_AUTH_TOKEN={TOKEN}", {"twilio_auth_token": TOKEN}),
        (
            f"auth id {PLIVO_ID} and auth token {PLIVO_TOKEN}",
            {"plivo_auth_id": PLIVO_ID, "plivo_auth_token": PLIVO_TOKEN},
        ),
        (
            f"api key {TELNYX_KEY}, connection id {CONNECTION}, public key {PUBLIC_KEY}",
            {
                "telnyx_api_key": TELNYX_KEY,
                "telnyx_connection_id": CONNECTION,
                "telnyx_public_key": PUBLIC_KEY,
            },
        ),
        (f"The public key is {SPKI_KEY}", {"telnyx_public_key": SPKI_KEY}),
        (f"my Cloudflare token: {TUNNEL}", {"cloudflare_tunnel_token": TUNNEL}),
        (f"the ngrok authtoken is {NGROK}", {"ngrok_authtoken": NGROK}),
        (OPENAI, {"openai_api_key": OPENAI}),
    ],
)
def test_keys_are_found_where_they_are_named_or_unmistakable(
    text: str, secrets: dict[str, str]
) -> None:
    found = find_secrets(text)
    assert dict(found.secrets) == secrets
    assert all(value not in found.masked_text for value in secrets.values())
    assert all(f"[{name}]" in found.masked_text for name in secrets)


def test_a_phone_number_beside_the_keys_stays() -> None:
    found = find_secrets(f"Auth Token is {TOKEN}, my number is +15550001234")
    assert found.masked_text == "Auth Token is [twilio_auth_token], my number is +15550001234"


WORDS = dict(
    zip(
        "0123456789",
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
        strict=True,
    )
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("twilio_account_sid", SID),
        ("twilio_auth_token", TOKEN),
        ("telnyx_connection_id", CONNECTION),
        ("plivo_auth_id", PLIVO_ID),
    ],
)
@pytest.mark.parametrize("between", [" ", ", ", "-", ". "])
@pytest.mark.parametrize("frame", ["{}", "It is {}.", "Okay, {} please"])
def test_a_key_can_be_spelled(name: str, value: str, between: str, frame: str) -> None:
    for spoken in (value, value.upper(), value.lower(), [WORDS.get(c, c) for c in value]):
        text = frame.format(between.join(spoken))
        found = find_secrets(text, name)
        assert found.secrets == ((name, value),)
        assert found.masked_text == frame.format(f"[{name}]")


def test_a_named_key_can_be_spelled_without_being_asked_for() -> None:
    text = "My Twilio auth token is " + " ".join(TOKEN)
    assert find_secrets(text).secrets == (("twilio_auth_token", TOKEN),)


@pytest.mark.parametrize(
    ("text", "asked_for"),
    [
        (TOKEN[:-1], "twilio_auth_token"),
        (" ".join(TOKEN[:20]), "twilio_auth_token"),
        (PLIVO_ID[:-1], "plivo_auth_id"),
        ("abc123def456ghi", "ngrok_authtoken"),
        ("k e y 0 1 9 0 a b c d e f", "telnyx_api_key"),
        (TOKEN, None),
        ("f" * 40, None),
        ("sk-ant-api03-abcdef123456", None),
        ("KEY12345678901234", None),
        (PUBLIC_KEY, None),
        (NGROK, None),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", None),
    ],
)
def test_what_looks_like_a_key_is_masked_though_nobody_knows_which(
    text: str, asked_for: str | None
) -> None:
    found = find_secrets(text, asked_for)
    assert found.secrets == ()
    assert "[key]" in found.masked_text
    assert found.unread_chars > 0
    assert not any(text[at : at + 9] in found.masked_text for at in range(len(text) - 9))


def test_a_found_key_is_not_printed() -> None:
    assert TOKEN not in repr(find_secrets(TOKEN, "twilio_auth_token"))


SENTENCES = [
    "What is an auth token, and where do I find my account SID?",
    "Only accept calls from plus one five five five nine eight seven six five four three.",
    "Call +49 30 901820 and +1 (555) 987-6543, please.",
    "My number is +15559876543, the other is 0049 30 901820.",
    "I need 3 eggs, 250 grams of flour and 12 apples from the store at 5 pm",
    "Antidisestablishmentarianism, supercalifragilisticexpialidocious!",
    "See https://phone.example.com/call/incoming or https://example.org/a-page-about-tunnels",
    "Set a greeting: Hello, how can I help you?",
    "The meeting on 2026-11-20 at 15:45 takes 90 minutes",
    "one two three four five six seven eight nine ten",
    "Is the KEYBOARD in the MAINTENANCE room? KEYBOARDMANUFACTURERSASSOCIATION",
    "Accept calls from anyone",
]


@pytest.mark.parametrize("text", SENTENCES)
def test_ordinary_sentences_are_left_alone(text: str) -> None:
    assert find_secrets(text).masked_text == text
    for name in ALL.keys() - {"telnyx_connection_id"}:
        assert find_secrets(text, name).secrets == ()


_WORD = st.text(string.ascii_letters + "'", min_size=1, max_size=14)
_NUMBER = st.from_regex(r"\A\+?[1-9][0-9]{0,3}(?:[ ()-]?[0-9]){4,11}\Z")


@given(st.lists(_WORD | _NUMBER, max_size=30))
def test_words_and_phone_numbers_are_never_taken_for_keys(words: list[str]) -> None:
    text = " ".join(words)
    assert find_secrets(text).secrets == ()
    assert find_secrets(text).masked_text.count("[key]") == 0


@given(st.text(max_size=200), st.sampled_from([None, *ALL]))
def test_any_text_is_masked_without_losing_what_is_no_key(text: str, asked_for: str | None) -> None:
    found = find_secrets(text, asked_for)
    assert (found.masked_text == text) or "[" in found.masked_text
    assert len(dict(found.secrets)) == len(found.secrets)


@given(
    st.text(string.ascii_letters + " .,!?", max_size=60),
    st.text(string.ascii_letters + " .,!?", max_size=60),
    st.sampled_from(list(ALL)),
)
def test_no_surrounding_hides_a_key(before: str, after: str, name: str) -> None:
    found = find_secrets(f"{before} {ALL[name]} {after}", name)
    assert ALL[name] not in found.masked_text


@given(st.text(max_size=120))
def test_what_is_masked_stays_as_it_is(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a ",
        "token 0123456789ab ",
        "A C 1 2 ",
        "+",
        "eyJ",
        "double ",
        "account sid ",
        "KEY-",
        "=",
    ],
)
@pytest.mark.timeout(20)
def test_hostile_lengths_take_no_time_to_speak_of(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    find_secrets(text, "twilio_auth_token")
    find_secrets(text)
