"""How finished an utterance sounds from its words alone: a small pure heuristic for English."""

from __future__ import annotations

import re
from collections.abc import Callable

from desktop_voice.agent.intents.recogniser import IntentMatch

# A turn that ends in one of these is going on: what they govern has not been said.
_OPEN_WORDS = """
    a an the not my your his her its our their this these those some any every each no
    and or but nor so because if unless while when whenever where although though until since
    whether than as that which who whose whom
    of to in on at by for from with without about into onto over under between through during
    before after against among around near per via
    is are was were am be been being do does did has have had will would shall should can could
    may might must isn't aren't wasn't don't doesn't didn't won't can't couldn't i'm you're
    it's that's there's i'll we'll i'd we're they're what's where's who's how's
    i he she we they very too really quite rather more most less much many
    um uh er hmm erm mister mr mrs ms doctor
"""
_OPEN_ENDINGS = frozenset(_OPEN_WORDS.split())
_NUMBER = re.compile(
    r"^(\d[\d.,:]*|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|"
    r"fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|"
    r"seventy|eighty|ninety|hundred|thousand|plus|minus|times|divided)$"
)
_WORD = re.compile(r"[\w'’]+")

NOTHING = 0.0
OPEN = 0.1
UNSURE = 0.4
PLAUSIBLE = 0.7
SURE = 1.0


def completeness(text: str) -> float:
    """Return how finished ``text`` sounds: one of the constants of this module.

    A transcript's full stop says nothing (the recogniser always puts one); its comma does.
    """
    words = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
    if not words:
        return NOTHING
    stripped = text.rstrip()
    if stripped.endswith((",", "-", "—", "…", "...")):
        return OPEN
    last = words[-1]
    if last in _OPEN_ENDINGS:
        return UNSURE if stripped.endswith("?") else OPEN
    if _NUMBER.match(last):
        return UNSURE
    if len(words) == 1:
        return UNSURE
    return PLAUSIBLE


def with_intents(recognise: Callable[[str], IntentMatch | None]) -> Callable[[str], float]:
    """Return a judge of words and intents together: a closed command is surely over."""

    def judge(text: str) -> float:
        match = recognise(text)
        if match is None:
            return completeness(text)
        return PLAUSIBLE if match.is_open_ended else SURE

    return judge
