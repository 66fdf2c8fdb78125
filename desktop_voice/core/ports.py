"""Ports: what the window, the tray and the command line may ask of the assistant and the phone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol

from desktop_voice.core.approvals import Approval
from desktop_voice.core.callers import PairedCaller, WaitingCaller
from desktop_voice.core.calls import Call, CallMode, CarrierName, TranscriptLine
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.reach import Fix, NumberChoice, Reach, SetUpWish
from desktop_voice.core.settings import SettingChange, Settings
from desktop_voice.core.states import AssistantState


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A sound device as the user picks it; ``key`` is stable over restarts and re-plugging."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine or a voice as the user picks it."""

    key: str
    label: str
    detail: str = ""


class AssistantControl(Protocol):
    """The desk assistant as the interface sees it.

    Every method may be called from any thread, returns at once and never raises; results and
    errors arrive as events on the bus.
    """

    @property
    def state(self) -> AssistantState:
        """The state last published."""

    @property
    def is_muted(self) -> bool:
        """Whether the microphone is closed by the user."""

    def press_talk(self) -> None:
        """The push-to-talk key went down: start listening, or stop a reply and listen."""

    def release_talk(self) -> None:
        """The key went up: a tap (under 350 ms) leaves listening on, a hold ends the turn."""

    def toggle_talk(self) -> None:
        """One tap: listen, end the turn that is open, or cut the reply and listen."""

    def stop_reply(self) -> None:
        """End the reply, or the listening, at once."""

    def set_muted(self, muted: bool) -> None:
        """Close (or open) the microphone for real."""

    def submit_text(self, text: str) -> None:
        """A typed line: a turn like any other. Blank text is ignored."""

    def apply_settings(self, settings: Settings) -> None:
        """Use ``settings`` from now on, without a restart."""

    def preview_voice(self, text: str, voice: str, rate_wpm: int) -> None:
        """Speak ``text`` with a voice that is not chosen yet."""

    def check_microphone(self, seconds: float) -> None:
        """Record for ``seconds`` (levels are published meanwhile), then play it back."""

    def retry(self) -> None:
        """Leave FAULT: load the engines and open the devices again."""

    def microphones(self) -> list[DeviceChoice]:
        """Input devices, the system's default first."""

    def speakers(self) -> list[DeviceChoice]:
        """Output devices, the system's default first."""

    def voices(self) -> list[EngineChoice]:
        """Voices of the current text-to-speech engine."""

    def wake_words(self) -> list[EngineChoice]:
        """Wake words of the current wake-word engine."""

    def engines(self, role: str) -> list[EngineChoice]:
        """Registered engines of ``role``: ``wake``, ``vad``, ``stt`` or ``tts``."""


class SettingsStore(Protocol):
    """The settings as they are kept between starts. Main thread only."""

    @property
    def current(self) -> Settings:
        """The settings last loaded or saved."""

    @property
    def problem(self) -> DesktopVoiceError | None:
        """What was wrong with the file at the start; None if nothing was."""

    def save(self, settings: Settings) -> None:
        """Keep ``settings``.

        Raises:
            SettingsError: They cannot be written; ``current`` is unchanged.
        """


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """A key the app may need, by name and never by value.

    ``source`` says where its value would come from; empty if there is none. ``variable`` is the
    environment variable that stands in for it.
    """

    name: str
    source: Literal["", "vault", "environment"]
    variable: str


@dataclass(frozen=True, slots=True)
class VaultStatus:
    """How the vault stands; while it is locked, its own entries are not known.

    Attributes:
        has_keyring: Whether this system has a keyring that could open it.
        uses_keyring: Whether that keyring does open it; known of an open vault alone.
        has_passphrase: Whether a passphrase opens it; known of an open vault alone.
        problem: What is wrong though the vault can be used: its file, whose backup opened, or the
            keyring, which does not keep it open.
    """

    exists: bool
    is_open: bool
    has_keyring: bool
    uses_keyring: bool = False
    has_passphrase: bool = False
    secrets: tuple[SecretInfo, ...] = ()
    problem: DesktopVoiceError | None = None


class VaultControl(Protocol):
    """The vault as the interface sees it: values go in, and none ever comes out.

    Every method may be called from any thread and returns at once; the futures fail with a
    :class:`~desktop_voice.core.errors.VaultError`. Each returns the vault as it stands then.
    """

    def status(self) -> Future[VaultStatus]:
        """Open the vault if the keyring does so without a question, and say how it stands."""

    def create(self, passphrase: str | None) -> Future[str]:
        """Make an empty vault, opened by ``passphrase`` or else by the keyring.

        The result is its recovery key, which is kept nowhere.
        """

    def unlock(self, words: str, *, remember: bool) -> Future[VaultStatus]:
        """Open it with passphrase or recovery key; ``remember`` lets the keyring do so later."""

    def unlock_with_keyring(self) -> Future[VaultStatus]:
        """Open it with the keyring, which may ask its user."""

    def lock(self) -> Future[VaultStatus]:
        """Close it and ask for the passphrase from now on, after a restart as well."""

    def set(self, name: str, value: str) -> Future[VaultStatus]:
        """Keep ``value`` under ``name``, in place of any other."""

    def remove(self, name: str) -> Future[VaultStatus]:
        """Forget the entry ``name``."""

    def change_passphrase(self, passphrase: str) -> Future[VaultStatus]:
        """Let ``passphrase`` open it, and no earlier one."""


class CallActions(Protocol):
    """The phone as tools and the local API use it: on the media loop, raising what goes wrong.

    All coroutines raise :class:`~desktop_voice.core.errors.PhoneError`; those that name a call
    also when there is no such call (``PHONE-10``) or it is over (``PHONE-11``).
    """

    async def request_call(
        self,
        number: str,
        mode: CallMode,
        message: str,
        origin: Literal["window", "terminal", "assistant"],
        *,
        at_night: bool = False,
    ) -> Approval:
        """Check a wish against every rule and put it before the user; nothing is dialled yet."""

    async def settle_approval(self, approval_id: str, approved: bool) -> Call | None:
        """Place the approved call, or drop it. For the window's and the terminal's own use only.

        Returns the call once it is stored and the carrier was asked; None if it was denied.
        """

    async def speak(self, call_id: str, text: str) -> None:
        """Say exactly ``text`` on a call, as soon as nobody is cut off by it."""

    async def hang_up(self, call_id: str) -> None:
        """End a call."""

    async def hang_up_all(self) -> list[str]:
        """End every call, also those that are only being placed; return their ids."""

    async def send_dtmf(self, call_id: str, digits: str) -> None:
        """Press keys on a call."""

    async def extend(self, call_id: str, seconds: int = 300) -> int:
        """Move the soft limit, up to the hard one; return how many seconds were won."""

    async def live_calls(self) -> list[Call]:
        """Return the calls that are not over, oldest first."""

    async def call(self, call_id: str) -> Call:
        """Return a call, live or over."""

    async def transcript(self, call_id: str) -> list[TranscriptLine]:
        """Return what was said on a call so far."""

    async def history(self, words: str = "", limit: int = 50, before: str = "") -> list[Call]:
        """Return calls, newest first, whose number or transcript has ``words``; page by id."""


class CallerActions(Protocol):
    """The user's word on unknown callers, on the media loop; never within reach of a tool."""

    def waiting(self) -> list[WaitingCaller]:
        """Return who is asked for a code or gave it, the longest waiting first."""

    async def paired(self) -> list[PairedCaller]:
        """Return who was let in, the newest first."""

    async def settle(self, call_id: str, let_in: bool) -> None:
        """Let a caller in who gave the right code, or send one away. Raises PhoneError."""

    async def remove(self, number: str) -> None:
        """Let ``number`` (E.164) in no more without a code. Raises PhoneError."""


class PhoneSetUp(Protocol):
    """Setting the phone up by talking: on the media loop, raising ``DesktopVoiceError``."""

    @property
    def settings(self) -> Settings:
        """The settings in use."""

    def missing_secrets(self, carrier: CarrierName) -> tuple[str, ...]:
        """Return the vault's names of the carrier's keys that are not there yet, in order."""

    async def keep_secret(self, name: str, value: str) -> None:
        """Put a key into the vault; it makes one that the keyring opens if there is none."""

    async def numbers(self, carrier: CarrierName) -> list[NumberChoice]:
        """Return the voice numbers of the account."""

    def change(self, section: str, field: str, value: object) -> None:
        """Change a setting for good; raises ``pydantic.ValidationError``."""

    async def set_up(self, wish: SetUpWish, also: Sequence[SettingChange] = ()) -> Reach:
        """Make the number work as ``wish`` says; a hop that fails is in the result.

        ``also`` are changes that the wish has no place for; raises ``pydantic.ValidationError``.
        """

    async def check(self) -> Reach:
        """Look at every hop."""


class PhoneControl(Protocol):
    """The phone as the interface sees it.

    Every method may be called from any thread and returns at once. What changes arrives as events
    on the bus (``CallChanged``, ``ApprovalRequested``, ``PairingRequested`` ...); errors arrive as
    ``ErrorRaised``. Reads return futures, which fail with a ``DesktopVoiceError``.
    """

    @property
    def calls(self) -> tuple[Call, ...]:
        """The live calls last published, oldest first."""

    def request_call(
        self, number: str, mode: CallMode, message: str, *, at_night: bool = False
    ) -> None:
        """Ask for a call in the window; ``ApprovalRequested`` or ``ErrorRaised`` follows."""

    def settle_approval(self, approval_id: str, approved: bool) -> None:
        """The user pressed Call, or Do not call."""

    def hang_up(self, call_id: str) -> None:
        """End a call."""

    def hang_up_all(self) -> None:
        """End every call."""

    def speak(self, call_id: str, text: str) -> None:
        """Say exactly ``text`` on a call."""

    def send_dtmf(self, call_id: str, digits: str) -> None:
        """Press keys on a call."""

    def extend(self, call_id: str) -> None:
        """Give a call five more minutes."""

    def settle_pairing(self, call_id: str, approved: bool) -> None:
        """Let a caller in who gave the right code, or send one away."""

    def paired_callers(self) -> Future[list[PairedCaller]]:
        """Callers who were let in with a code, the newest first."""

    def remove_caller(self, number: str) -> Future[None]:
        """Let a caller in no more without a code; ``CallerRemoved`` follows."""

    def history(self, words: str, limit: int, before: str = "") -> Future[list[Call]]:
        """Calls, newest first, whose number or transcript has ``words``."""

    def transcript(self, call_id: str) -> Future[list[TranscriptLine]]:
        """What was said on a call so far."""

    def delete_call(self, call_id: str) -> Future[None]:
        """Forget a call that is over, with every word of it."""

    def rehearse(self, carrier: str) -> None:
        """Place a whole call with the carrier on this machine; it shows up like any other."""

    @property
    def reach(self) -> Reach:
        """How callers get through, as last published by ``ReachChanged``."""

    def numbers(self, carrier: CarrierName) -> Future[list[NumberChoice]]:
        """The voice numbers of the account whose keys are in the vault."""

    def set_up(self, wish: SetUpWish) -> Future[Reach]:
        """Make the number work as ``wish`` says; each hop's report comes as ``ReachChanged``.

        A hop that fails is in the result, not an error; a set-up under way is given up first.
        """

    def check_reach(self) -> None:
        """Look at every hop again; ``ReachChanged`` follows, hop by hop."""

    def repair(self, fix: Fix) -> None:
        """Do what the button beside a hop says, where that needs nothing of the user."""

    def apply_settings(self, changes: Sequence[SettingChange]) -> None:
        """Use other settings for new calls from now on: those that changed, and no more."""
