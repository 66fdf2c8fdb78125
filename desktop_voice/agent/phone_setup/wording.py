"""How people steer the set-up: yes and no, back and skip, which of several, and numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

import phonenumbers

from desktop_voice.agent.intents.spoken_digits import read_spoken_digits
from desktop_voice.core.reach import NumberChoice

T = TypeVar("T")

_E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


class Word(StrEnum):
    """A word that steers the conversation."""

    YES = "yes"
    NO = "no"
    SKIP = "skip"
    BACK = "back"
    CANCEL = "cancel"
    MISSING = "missing"
    AGAIN = "again"
    REPEAT = "repeat"
    REHEARSE = "rehearse"


_WORDS = {
    Word.YES: r"yes|yeah|yep|yup|correct|right|that(?:'?s| is) (?:right|correct|it)"
    r"|(?:yes )?(?:go ahead|do it|do that|do so|please do)|sure|of course|ok|okay|exactly|it is"
    r"|yes (?:it is|that'?s right|that is right|sure|correct)|i am sure|i'm sure|sounds good",
    Word.NO: r"no|nope|nah|wrong|that(?:'?s| is) (?:wrong|not right)|don'?t"
    r"|do not|not right|no (?:that'?s wrong|that is wrong|it isn'?t|it'?s not|don'?t|thanks"
    r"|thank you)|incorrect|rather not",
    Word.SKIP: r"skip(?: it| this| that| this one| the question)?|next(?: question| one)?|keep it"
    r"|leave it(?: as it is)?|i don'?t (?:know|care|have (?:it|one))|keep the greeting|pass",
    Word.BACK: r"(?:go |one step |step )?back(?: one step| a step)?|previous(?: question)?|undo"
    r"|the question before",
    Word.CANCEL: r"(?:cancel|stop|end|abort|quit|leave|give up)(?: it| that| this| the| (?:the )?"
    r"(?:phone )?set[ -]?up)?|never ?mind(?: that)?|forget (?:it|that|about it)|not now|later"
    r"|i'?m done|we'?re done|that'?s enough|enough",
    Word.MISSING: r"what(?:'?s| is| else is)? (?:still )?(?:missing|needed|left|required)"
    r"(?: still| now)?|where are we|how far are we|what do you (?:still )?need",
    Word.AGAIN: r"(?:please )?(?:try|check|do|run)(?: it| that)?(?: once)? (?:again|more|now)|again"
    r"|retry|done|ready|i (?:did|have done)(?: it| that)?|it'?s done|go on|continue|try it|try",
    Word.REPEAT: r"(?:what|say that again|repeat(?: that| it| the question)?|pardon|sorry"
    r"|what did you (?:say|ask)|help(?: me)?|where (?:is|do i find|can i find) (?:it|that|them))",
    Word.REHEARSE: r"(?:let'?s |do a |start a )?(?:rehearse|rehearsal|hearse|reverse|re hearse)"
    r"(?: it| a call| the call)?",
}
_LEADS = r"(?:(?:please|okay|ok|well|um|uh|oh|so|and|then|let'?s|can you|could you|hey jarvis)\s+)*"
_TAILS = r"(?:\s+(?:please|thanks|thank you|now|jarvis))*"
_PATTERNS = {
    word: re.compile(rf"{_LEADS}(?:{pattern}){_TAILS}") for word, pattern in _WORDS.items()
}
_MAX_WORDS = 8
_QUESTION = re.compile(
    r"(?:hey \w+ )?(?:what|what's|which|why|how|who|when|where|is|are|does|do|did|should|tell me)\b"
)
_ORDINALS = {
    word: place
    for place, words in enumerate(
        (
            ("first", "one", "1st", "1"),
            ("second", "two", "2nd", "2"),
            ("third", "three", "3rd", "3"),
            ("fourth", "four", "4th", "4"),
            ("fifth", "five", "5th", "5"),
        )
    )
    for word in words
}
_PLACE = re.compile(
    r"(?:(?:the|that|number|take|use|choose|option|i want|i take|please)\s+)*(?P<place>\w+)"
    r"(?:\s+(?:one|number|please))*"
)
_ENDING = re.compile(
    r"\b(?:ending|ends|end|with|digits)\b(?:\s+(?:in|on|with|are))?\s+(?P<end>.+)$"
)
_GREETING = re.compile(
    r"(?:set\s+(?:(?:a|the|my|this)\s+)?(?:(?:call|phone)\s+)?greeting\b(?:\s+to\b)?\s*[:,.]?"
    r"|(?:change|use)\s+(?:(?:the|my|this)\s+)?(?:(?:call|phone)\s+)?greeting\b(?:\s+to\b|\s*[:,.])"
    r")\s*(?P<words>.*)",
    re.IGNORECASE | re.DOTALL,
)


def read_word(text: str) -> Word | None:
    """Return the word that steers the conversation, if ``text`` is one and nothing else."""
    said = _plain(text)
    if len(said.split()) > _MAX_WORDS:
        return None
    return next((word for word, pattern in _PATTERNS.items() if pattern.fullmatch(said)), None)


def is_question(text: str) -> bool:
    """Return whether ``text`` asks something, so that it is no answer."""
    return _QUESTION.match(_plain(text)) is not None


def read_choice(text: str, choices: Sequence[NumberChoice]) -> NumberChoice | None:
    """Return which of ``choices`` is meant: by place, by its last digits, or by the number."""
    said = _plain(text)[:200]
    digits = (read_spoken_digits(re.sub(r"^(?:my |the )?number (?:is )?", "", said)) or "").lstrip(
        "+"
    )
    if len(digits) >= 7:
        return _ending_with(digits, choices)
    ending = _ENDING.search(said)
    if ending:
        # Few digits alone are no number to the reader, so others are put before them.
        spoken = read_spoken_digits(f"{'zero ' * 7}{ending['end']}") or ""
        return _ending_with(spoken[7:], choices)
    return read_place(said, choices)


def read_place(text: str, choices: Sequence[T]) -> T | None:
    """Return which of ``choices`` is meant by its place, such as ``the second one``."""
    place = _PLACE.fullmatch(_plain(text)[:200])
    if place is None or not choices:
        return None
    if place["place"] == "last":
        return choices[-1]
    at = _ORDINALS.get(place["place"], len(choices))
    return choices[at] if at < len(choices) else None


def read_own_number(text: str) -> str:
    """Return the digits after “my number is”, if any stand there."""
    found = re.search(r"\bnumber(?:\s+is|\s*:|\s+)\s*(?P<rest>.{5,120})", text, re.I | re.S)
    if found is None:
        return ""
    words = found["rest"].replace(", ", " ").split()
    for count in range(min(len(words), 16), 0, -1):
        digits = read_spoken_digits(" ".join(words[:count]))
        if digits and len(digits.lstrip("+")) >= 7:
            return digits
    return ""


def read_greeting(text: str) -> tuple[str, str | None]:
    """Return ``text`` without a wish for a greeting, and the greeting; None: there is no wish."""
    at = re.search(r"\b(?:set|change|use)\s+(?:\w+\s+){0,2}greeting\b", text, re.IGNORECASE)
    found = _GREETING.match(text, at.start()) if at else None
    if found is None:
        return text, None
    words = found["words"].strip().strip("\"“”'").strip()
    return text[: found.start()].rstrip(" ,.;"), words


def as_e164(digits: str, region: str) -> str:
    """Return spoken or typed digits in E.164; without ``+`` they are ``region``'s; else empty.

    A number that could exist is enough: who may call need not be called.
    """
    if digits.startswith("+"):
        return digits if _E164.fullmatch(digits) else ""
    try:
        number = phonenumbers.parse(digits, region)
    except phonenumbers.NumberParseException:
        return ""
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def spoken_number(number: str) -> str:
    """Return an E.164 number digit by digit, to be read back: ``plus 1 5 5 5 ...``."""
    return " ".join(["plus", *number.removeprefix("+")])


def spoken_list(words: Sequence[str]) -> str:
    """Join words as they are said: ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _ending_with(digits: str, choices: Sequence[NumberChoice]) -> NumberChoice | None:
    found = [choice for choice in choices if choice.number.endswith(digits)]
    return found[0] if len(found) == 1 and digits else None


def _plain(text: str) -> str:
    said = re.sub(r"[^\w\s+'-]", " ", text.casefold().replace("’", "'"))
    return " ".join(said.split())
