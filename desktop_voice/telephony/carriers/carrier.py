"""The carrier's protocol: what the phone part may ask of any carrier, and what carriers tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from desktop_voice.core.calls import CarrierName, EndReason
from desktop_voice.core.errors import DesktopVoiceError, PhoneError
from desktop_voice.core.phone_settings import AwaySettings
from desktop_voice.dialogue.lines.media_socket import Encoding, MediaEvent
from desktop_voice.telephony.steps import Step


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A request as it came in, before anything was believed.

    Attributes:
        url: Our public base (never the request's own Host) with the raw path and the raw query.
        headers: Names in lower case; of repeated headers all values, in order.
        body: The raw bytes.
    """

    method: str
    url: str
    headers: Mapping[str, tuple[str, ...]]
    body: bytes


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """What the carrier is answered."""

    status: int = 200
    content_type: str = "text/plain"
    body: bytes = b""


class WebhookRefusedError(Exception):
    """The request is not the carrier's; ``why`` is for the log and holds nothing of it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class CarrierEventKind(StrEnum):
    """What a verified webhook tells."""

    INCOMING = "incoming"
    QUEUED = "queued"
    RINGING = "ringing"
    ANSWERED = "answered"
    SPEECH = "speech"
    DIGITS = "digits"
    SPOKEN = "spoken"
    SILENCE = "silence"
    MACHINE = "machine"
    STREAM_STARTED = "stream_started"
    STREAM_ENDED = "stream_ended"
    CONTINUE = "continue"
    ENDED = "ended"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class CarrierEvent:
    """One verified webhook in the words that all carriers share.

    Attributes:
        kind: What happened. CONTINUE: the carrier came for further steps (a redirect, a stream's
            end, a poll); SILENCE: a gather heard nothing; SPOKEN: a ``Say`` or prompt is over.
        carrier_ref: The carrier's id of the call.
        call_id: Our own id as the signed address (or the signed client state) carries it, or "".
        key: Identifies this delivery, made of signed content only; repeats have the same one.
        wants_steps: Whether the carrier waits for steps in the reply (XML carriers).
        from_number, to_number: As the carrier sent them, not normalised, not validated.
        text: What was said, of SPEECH; with ``is_final`` False the words so far (barge-in).
        turn: The nonce of the gather, poll or redirect that this belongs to, or "".
        digits: Typed digits.
        machine: For MACHINE: ``human``, ``machine``, ``unknown``; ``beep`` once it may be
            spoken to.
        end_reason: Of ENDED.
        attestation: STIR/SHAKEN: ``A``, ``B``, ``C``, ``failed`` or "".
        order: Rises with the order in which the carrier says things happened; 0 if it says nothing.
    """

    kind: CarrierEventKind
    carrier_ref: str
    key: str
    call_id: str = ""
    wants_steps: bool = False
    from_number: str = ""
    to_number: str = ""
    text: str = ""
    is_final: bool = True
    turn: str = ""
    digits: str = ""
    machine: str = ""
    end_reason: EndReason = EndReason.NONE
    attestation: str = ""
    order: float = 0.0


class Capability(StrEnum):
    """What a carrier may or may not be able to do."""

    SEND_DTMF = "send_dtmf"
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A call to be created.

    Attributes:
        call_id: Our id; Telnyx gets it as ``command_id`` as well, which makes a repetition safe.
        webhook_url: Where the carrier asks for steps and sends events; carries ``call_id``.
        ring_timeout_s: How long it may ring.
        time_limit_s: The carrier ends the call then, whatever became of us.
        detect_machine: Whether answering machines matter (notify).
    """

    call_id: str
    to_number: str
    from_number: str
    webhook_url: str
    ring_timeout_s: int
    time_limit_s: int
    detect_machine: bool = False


class RemoteState(StrEnum):
    """What the carrier says of a call."""

    LIVE = "live"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RemoteCall:
    """A call as the carrier knows it; ``call_id`` is ours, where the carrier keeps it for us."""

    carrier_ref: str
    state: RemoteState
    to_number: str = ""
    from_number: str = ""
    end_reason: EndReason = EndReason.NONE
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class OwnNumber:
    """A number of the account.

    Attributes:
        number: E.164.
        has_voice: Whether it can carry calls.
        ref: The carrier's id of it.
        label: The user's own name for it.
    """

    number: str
    has_voice: bool
    ref: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class NumberWebhook:
    """Where a number's incoming calls go now.

    Attributes:
        number: E.164.
        url: The address that is asked what to do with them; empty while none is, which is so too
            where something else takes them.
        data: What :meth:`Carrier.restore_webhook` needs to put all of this back: texts by name,
            to be kept as they are. ``ref`` is the carrier's id of the number.
        taken_by: What takes the calls in place of any address, in words such as "a SIP trunk";
            empty: nothing does.
    """

    number: str
    url: str
    data: Mapping[str, str] = field(default_factory=dict)
    taken_by: str = ""


@dataclass(frozen=True, slots=True)
class StreamStart:
    """A media stream's first message, understood."""

    stream_ref: str
    carrier_ref: str
    account: str
    ticket: str
    encoding: Encoding


class MediaDialect(Protocol):
    """A carrier's media-stream messages. Pure, one object a socket; used on the media loop."""

    subprotocols: tuple[str, ...]

    def start(self, message: Mapping[str, object]) -> StreamStart | None:
        """Return the stream's start, or None for a message that comes before it.

        Raises:
            ValueError: The message is neither.
        """

    def event(self, message: Mapping[str, object]) -> MediaEvent | None:
        """Return what a later message tells; None for what does not matter.

        Raises:
            ValueError: A known message is malformed.
        """

    def audio(self, payload: bytes) -> str:
        """Return the text message that plays ``payload`` (in the stream's encoding)."""

    def mark(self, name: str) -> str:
        """Return the text message that asks for a mark once all audio before it was played."""

    def clear(self) -> str:
        """Return the text message that drops what was not played yet."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the account can be used: a line for people, and what is wrong with it if it is."""

    is_ok: bool
    text: str
    problem: DesktopVoiceError | None = None


class AccountState(StrEnum):
    """What an account may be used for."""

    ACTIVE = "active"
    TRIAL = "trial"
    NO_CREDIT = "no_credit"
    SUSPENDED = "suspended"
    CLOSED = "closed"

    @property
    def is_usable(self) -> bool:
        """Whether calls can come in and go out, if only some."""
        return self in (AccountState.ACTIVE, AccountState.TRIAL)


@dataclass(frozen=True, slots=True)
class Account:
    """An account whose keys the carrier accepts.

    Attributes:
        text: How it is, one sentence for people.
        clock_offset_s: By how much this machine's clock is ahead of the carrier's, within a
            second; negative: behind it; None: the carrier did not say what time it has.
        problem: Why no call comes in or goes out, whatever the state; of a trial what it cannot do,
            which is a warning only.
    """

    state: AccountState
    text: str
    clock_offset_s: float | None = None
    problem: PhoneError | None = None


class Carrier(Protocol):
    """One carrier account. Used on the media loop; its HTTP session belongs to the object.

    Every request has a deadline. All coroutines raise :class:`PhoneError` with a diagnosis
    (``CARRIER-..``); a capability that is missing raises ``CARRIER-20`` naming it. A create is
    never repeated blindly: when its fate is unknown, recent calls are looked up first.
    """

    name: CarrierName
    capabilities: frozenset[Capability]
    account_ref: str
    """The carrier's id of the account as its media streams name it; empty if they do not."""
    own_number: str
    """The vault's number of the account in E.164; it counts where the settings name none."""
    machine_verdict_s: float
    """How long after the answer the carrier may take until it tells a person from a machine."""
    takes_documents: bool
    """Whether a webhook is answered with steps (XML), or every step is a command (Telnyx)."""

    async def place(self, order: PlaceOrder) -> str:
        """Create a call; return the carrier's id of it."""

    async def answer(self, carrier_ref: str) -> None:
        """Pick up an incoming call; does nothing where the reply to the webhook does it."""

    async def reject(self, carrier_ref: str, reason: EndReason) -> None:
        """Refuse an incoming call; where the reply to the webhook does it, does nothing."""

    async def hang_up(self, carrier_ref: str) -> None:
        """End a call, ringing or not; a call that is already over is a success."""

    async def perform(
        self, carrier_ref: str, steps: Sequence[Step], steps_url: str
    ) -> Sequence[Step]:
        """Have a live call do ``steps`` now, in place of what it was doing.

        ``steps_url`` serves the same steps to a carrier that has to fetch them (Plivo).

        Returns:
            What is left to do once the speech or the stream that was just started is over (SPOKEN
            or STREAM_ENDED). XML carriers do it all by themselves and return ``()``. Telnyx has no
            documents: it starts one speech or stream and returns the rest, of which ``Pause`` and
            ``Redirect`` are the caller's own work. Its SPOKEN carries the turn of ``steps_url``,
            which tells the end of this speech from the end of one that it cut short.
        """

    async def stop_speaking(self, carrier_ref: str) -> None:
        """Cut the carrier's own voice (barge-in); raises ``CARRIER-20`` where it cannot be cut.

        Silence already is a success.
        """

    async def send_dtmf(self, carrier_ref: str, digits: str) -> None:
        """Press ``digits`` (0-9, *, #, A-D, w to wait)."""

    async def transfer(self, carrier_ref: str, to_number: str) -> None:
        """Connect the far end with another number."""

    async def fetch(self, carrier_ref: str) -> RemoteCall:
        """Ask what became of a call; UNKNOWN if the carrier does not know it any more: ENDED."""

    async def takes_commands(self, carrier_ref: str) -> bool:
        """Ask whether a live call would take a command, without giving one that has an effect.

        Only where ``takes_documents`` is false, else ``CARRIER-20``. A call that rings takes none;
        nothing follows from a refusal that says something else, which is raised.
        """

    async def live_calls(self) -> list[RemoteCall]:
        """Return the account's calls that are going on."""

    async def numbers(self) -> list[OwnNumber]:
        """Return the account's own numbers, also those whose calls go elsewhere."""

    async def webhook(self, number: OwnNumber) -> NumberWebhook:
        """Return where the number's calls go now.

        An address of this app's own is told by its path, which is that of
        :func:`~desktop_voice.telephony.addresses.webhook_path`: what is to be put back some day
        must not be one.
        """

    async def set_webhook(
        self, number: OwnNumber, url: str, fallback_url: str = "", *, takes_over: bool = False
    ) -> NumberWebhook:
        """Send the number's calls to ``url``; return what was set before.

        It ends whatever :meth:`set_away` set.

        Args:
            number: One of :meth:`numbers`.
            url: Asked about every call, and told its end.
            fallback_url: Asked while ``url`` fails; empty: nobody is.
            takes_over: Takes the number away from what has it now, once the user has said so.

        Raises:
            PhoneError: Something else takes its calls, so that ``url`` would have no effect
                (``CARRIER-21``, ``CARRIER-29``) and nothing was changed; it cannot carry voice
                (``CARRIER-30``) or is a sub-account's (``CARRIER-31``).
        """

    async def restore_webhook(self, before: NumberWebhook) -> None:
        """Put back what :meth:`webhook` or :meth:`set_webhook` returned: every field of it.

        A number that was taken over goes back to what had it.
        """

    def away_url(self, away: AwaySettings) -> str:
        """Return the address that does for callers what ``away`` says while this app is closed.

        Empty where the carrier has none for it, or ``away`` lacks what it needs.
        """

    async def set_away(self, number: OwnNumber, away: AwaySettings) -> None:
        """Have the carrier do for callers what ``away`` says: this app is about to close.

        :meth:`set_webhook` ends it, and so does :meth:`restore_webhook`, which alone is what
        ``restore`` means.

        Raises:
            PhoneError: The carrier cannot do that by itself (``CARRIER-20``), or ``away`` lacks
                what it needs (``CARRIER-32``).
            ValueError: ``away`` says ``restore``.
        """

    async def account(self) -> Account:
        """Ask how the account is; two requests at most, which cost nothing.

        Raises:
            PhoneError: The carrier does not accept the keys, does not know the account, or cannot
                be reached.
        """

    async def health(self) -> Health:
        """Check the account and whether it has a voice number; never raises."""

    def verify(self, request: WebhookRequest) -> None:
        """Check the signature over the raw request, in constant time.

        Raises:
            WebhookRefusedError: It is missing, wrong, too old or ambiguous.
        """

    def verify_upgrade(self, request: WebhookRequest) -> None:
        """Check the signature of a media socket's handshake, where the carrier signs it (Twilio).

        Raises:
            WebhookRefusedError: It is missing or wrong.
        """

    def parse(self, request: WebhookRequest) -> CarrierEvent:
        """Understand a verified request.

        Raises:
            WebhookRefusedError: It cannot be understood.
        """

    def reply(self, steps: Sequence[Step]) -> WebhookReply:
        """Return the answer to a webhook that carries ``steps``.

        Telnyx cannot carry any: its answer is empty and the steps go through :meth:`perform`.
        """

    def dialect(self) -> MediaDialect:
        """Return a new reader and writer of media-stream messages."""

    async def close(self) -> None:
        """Give back the connections."""
