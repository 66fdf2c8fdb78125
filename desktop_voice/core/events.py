"""Events: what the parts of the app tell each other, as frozen dataclasses.

Conversation events carry ``line``, the id of the line they happened on (``desk`` at the desk),
so that several conversations may run at once without a shared notion of "the" conversation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from desktop_voice.core.approvals import Approval, ApprovalOutcome
from desktop_voice.core.calls import Call
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.reach import Reach
from desktop_voice.core.states import AssistantState


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class StateChanged(Event):
    """The desk assistant changed state, or was muted or unmuted."""

    state: AssistantState
    muted: bool


@dataclass(frozen=True, slots=True)
class ConversationEvent(Event):
    """Something that happened in the conversation on one line."""

    line: str


@dataclass(frozen=True, slots=True)
class WakeHeard(ConversationEvent):
    """A wake word was spoken; ``phrase`` is its id, such as ``hey_jarvis``."""

    phrase: str


@dataclass(frozen=True, slots=True)
class SpeechStarted(ConversationEvent):
    """The speaker began an utterance."""


@dataclass(frozen=True, slots=True)
class SpeechEnded(ConversationEvent):
    """The speaker's utterance was judged to be over."""


@dataclass(frozen=True, slots=True)
class PartialTranscript(ConversationEvent):
    """The words so far of an utterance that is still open; empty when it was dropped."""

    text: str


@dataclass(frozen=True, slots=True)
class UserTurn(ConversationEvent):
    """The user's turn, whole. ``source`` says whether it was spoken or typed."""

    text: str
    source: Literal["voice", "keyboard", "dtmf"] = "voice"


@dataclass(frozen=True, slots=True)
class ReplyText(ConversationEvent):
    """A further piece of the reply's text, as it is handed to the voice."""

    text: str


@dataclass(frozen=True, slots=True)
class AssistantTurn(ConversationEvent):
    """A reply that is over: its whole ``text``, and the part that was really ``heard``."""

    text: str
    heard: str


@dataclass(frozen=True, slots=True)
class ToolRan(ConversationEvent):
    """A built-in intent or a tool did something; ``name`` is its id."""

    name: str


@dataclass(frozen=True, slots=True)
class BargeIn(ConversationEvent):
    """The user cut the reply short; ``by`` says how."""

    by: Literal["speech", "wake_word", "stop_word", "key", "dtmf"]


@dataclass(frozen=True, slots=True)
class LatencyStage:
    """One named share of a turn's latency, in milliseconds."""

    name: str
    ms: float


@dataclass(frozen=True, slots=True)
class LatencyMeasured(ConversationEvent):
    """End of the user's speech to the first sample of the reply; the stages sum to the whole."""

    first_audio_ms: float
    stages: tuple[LatencyStage, ...]


@dataclass(frozen=True, slots=True)
class CallRequested(ConversationEvent):
    """The user asked to call somebody: a number or a name, as spoken or typed.

    ``message`` is what shall be told them, in a conversation what it begins with; empty for a
    conversation that begins with the greeting.
    """

    callee: str
    message: str = ""
    is_conversation: bool = False


@dataclass(frozen=True, slots=True)
class CallRefused(ConversationEvent):
    """A call that the user asked for cannot be placed: what keeps it, and what to do."""

    what: str
    do: str


@dataclass(frozen=True, slots=True)
class HangUpRequested(ConversationEvent):
    """The user asked to end the calls that are going on."""


@dataclass(frozen=True, slots=True)
class CallChanged(Event):
    """A call began, changed its state, or ended."""

    call: Call


@dataclass(frozen=True, slots=True)
class CallLimitNear(Event):
    """A call ends in ``seconds_left`` unless the user extends it."""

    call_id: str
    seconds_left: int


@dataclass(frozen=True, slots=True)
class ApprovalRequested(Event):
    """A call waits for the user's consent."""

    approval: Approval


@dataclass(frozen=True, slots=True)
class ApprovalSettled(Event):
    """The question is answered, or nobody answered in time."""

    approval_id: str
    outcome: ApprovalOutcome


@dataclass(frozen=True, slots=True)
class PairingRequested(Event):
    """An unknown caller is to say or type ``code``; a right code still waits for the user."""

    call_id: str
    number: str
    code: str


@dataclass(frozen=True, slots=True)
class PairingCodeGiven(Event):
    """The caller gave the right code: the user may now let them in."""

    call_id: str
    number: str


@dataclass(frozen=True, slots=True)
class PairingSettled(Event):
    """The caller was let in, or not."""

    call_id: str
    number: str
    is_paired: bool


@dataclass(frozen=True, slots=True)
class CallerRemoved(Event):
    """A number that was let in once needs a code again."""

    number: str


@dataclass(frozen=True, slots=True)
class PhoneStatusChanged(Event):
    """Whether calls can be made and taken, in words; ``is_reachable`` is about incoming ones."""

    is_set_up: bool
    is_reachable: bool
    text: str


@dataclass(frozen=True, slots=True)
class SettingsWanted(Event):
    """The phone is about to use other settings, which are to be kept: section, field and value."""

    changes: tuple[tuple[str, str, object], ...]


@dataclass(frozen=True, slots=True)
class ReachChanged(Event):
    """How a caller gets through to this machine now, hop by hop."""

    reach: Reach


@dataclass(frozen=True, slots=True)
class DownloadProgress(Event):
    """A program or a model is being fetched; ``total_bytes`` is 0 while it is not known."""

    name: str
    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class ErrorRaised(Event):
    """Something failed; see :class:`~desktop_voice.core.errors.DesktopVoiceError`."""

    code: str
    what: str
    do: str
    retryable: bool = False

    @classmethod
    def of(cls, error: DesktopVoiceError) -> ErrorRaised:
        """Return the event that tells of ``error``."""
        return cls(error.code, error.what, error.do, error.retryable)


@dataclass(frozen=True, slots=True)
class Notice(Event):
    """Something worth knowing that is no error, such as a change of microphone."""

    what: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class AudioLevel(Event):
    """How loud the microphone or the speaker is, at most 30 times a second; dBFS, -100 to 0."""

    source: Literal["microphone", "speaker"]
    rms_dbfs: float


@dataclass(frozen=True, slots=True)
class DevicesChanged(Event):
    """The list of sound devices, or the device in use, is no longer what it was."""

    microphone: str
    speaker: str


@dataclass(frozen=True, slots=True)
class AlarmRang(Event):
    """A timer or an alarm is due; ``text`` is what is said and shown."""

    text: str


@dataclass(frozen=True, slots=True)
class ModelFound(Event):
    """A local language-model server answered on its usual port and can be used."""

    name: str
    base_url: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EnginesReady(Event):
    """All engines are loaded; ``names`` maps a role to the engine in use."""

    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SettingChanged(Event):
    """The conversation changed a setting ("volume up"); whoever keeps the settings saves it."""

    section: str
    field: str
    value: int


@dataclass(frozen=True, slots=True)
class MicrophoneChecked(Event):
    """The microphone check is over: its loudest 20 ms in dBFS, and whether anything was heard."""

    peak_dbfs: float
    heard_anything: bool
