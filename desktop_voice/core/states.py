"""The assistant's states and the one table that says which may follow which."""

from __future__ import annotations

from enum import StrEnum


class AssistantState(StrEnum):
    """What the assistant at the desk is doing; muting is a flag beside it, not a state."""

    OFF = "off"
    ARMED = "armed"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    FOLLOW_UP = "follow_up"
    FAULT = "fault"


class Trigger(StrEnum):
    """What can move the assistant from one state to another."""

    STARTED = "started"
    WAKE_HEARD = "wake_heard"
    TALK_PRESSED = "talk_pressed"
    SPEECH_STARTED = "speech_started"
    TURN_ENDED = "turn_ended"
    NOTHING_SAID = "nothing_said"
    TEXT_SUBMITTED = "text_submitted"
    ANNOUNCED = "announced"
    REPLY_STARTED = "reply_started"
    REPLY_ENDED = "reply_ended"
    STOPPED = "stopped"
    FAILED = "failed"
    SHUT_DOWN = "shut_down"


class ImpossibleTransitionError(Exception):
    """A trigger arrived in a state that has no place for it."""

    def __init__(self, state: AssistantState, trigger: Trigger) -> None:
        super().__init__(f"{trigger} cannot happen while {state}")
        self.state = state
        self.trigger = trigger


_S = AssistantState
_T = Trigger

TRANSITIONS: dict[tuple[AssistantState, Trigger], AssistantState] = {
    (_S.OFF, _T.STARTED): _S.ARMED,
    (_S.ARMED, _T.WAKE_HEARD): _S.LISTENING,
    (_S.ARMED, _T.TALK_PRESSED): _S.LISTENING,
    (_S.ARMED, _T.TEXT_SUBMITTED): _S.THINKING,
    (_S.ARMED, _T.ANNOUNCED): _S.SPEAKING,
    (_S.ARMED, _T.STOPPED): _S.ARMED,
    (_S.LISTENING, _T.TURN_ENDED): _S.THINKING,
    (_S.LISTENING, _T.NOTHING_SAID): _S.ARMED,
    (_S.LISTENING, _T.STOPPED): _S.ARMED,
    (_S.LISTENING, _T.TEXT_SUBMITTED): _S.THINKING,
    (_S.THINKING, _T.REPLY_STARTED): _S.SPEAKING,
    (_S.THINKING, _T.REPLY_ENDED): _S.FOLLOW_UP,
    (_S.THINKING, _T.SPEECH_STARTED): _S.LISTENING,
    (_S.THINKING, _T.WAKE_HEARD): _S.LISTENING,
    (_S.THINKING, _T.TALK_PRESSED): _S.LISTENING,
    (_S.THINKING, _T.TEXT_SUBMITTED): _S.THINKING,
    (_S.THINKING, _T.STOPPED): _S.ARMED,
    (_S.SPEAKING, _T.REPLY_ENDED): _S.FOLLOW_UP,
    (_S.SPEAKING, _T.SPEECH_STARTED): _S.LISTENING,
    (_S.SPEAKING, _T.WAKE_HEARD): _S.LISTENING,
    (_S.SPEAKING, _T.TALK_PRESSED): _S.LISTENING,
    (_S.SPEAKING, _T.TEXT_SUBMITTED): _S.THINKING,
    (_S.SPEAKING, _T.STOPPED): _S.ARMED,
    (_S.FOLLOW_UP, _T.SPEECH_STARTED): _S.LISTENING,
    (_S.FOLLOW_UP, _T.WAKE_HEARD): _S.LISTENING,
    (_S.FOLLOW_UP, _T.TALK_PRESSED): _S.LISTENING,
    (_S.FOLLOW_UP, _T.TEXT_SUBMITTED): _S.THINKING,
    (_S.FOLLOW_UP, _T.ANNOUNCED): _S.SPEAKING,
    (_S.FOLLOW_UP, _T.NOTHING_SAID): _S.ARMED,
    (_S.FOLLOW_UP, _T.STOPPED): _S.ARMED,
    (_S.FAULT, _T.STARTED): _S.ARMED,
    (_S.FAULT, _T.TEXT_SUBMITTED): _S.THINKING,
    (_S.FAULT, _T.ANNOUNCED): _S.SPEAKING,
}
for _state in AssistantState:
    TRANSITIONS[(_state, _T.SHUT_DOWN)] = _S.OFF
    if _state is not _S.OFF:
        TRANSITIONS[(_state, _T.FAILED)] = _S.FAULT


def next_state(state: AssistantState, trigger: Trigger) -> AssistantState:
    """Return the state that follows.

    Raises:
        ImpossibleTransitionError: The table has no row for this pair.
    """
    try:
        return TRANSITIONS[(state, trigger)]
    except KeyError:
        raise ImpossibleTransitionError(state, trigger) from None
