"""An assistant control that only notes which command a click sends, and lists fixed choices."""

from __future__ import annotations

from desktop_voice.core.ports import DeviceChoice, EngineChoice
from desktop_voice.core.settings import Settings
from desktop_voice.core.states import AssistantState


class RecordingControl:
    """Notes commands as ``(name, *arguments)`` in ``commands``; state and lists are fields."""

    def __init__(self) -> None:
        self.commands: list[tuple[object, ...]] = []
        self.state = AssistantState.OFF
        self.is_muted = False
        self.applied: list[Settings] = []

    @property
    def names(self) -> list[object]:
        return [command[0] for command in self.commands]

    def press_talk(self) -> None:
        self.commands.append(("press_talk",))

    def release_talk(self) -> None:
        self.commands.append(("release_talk",))

    def toggle_talk(self) -> None:
        self.commands.append(("toggle_talk",))

    def stop_reply(self) -> None:
        self.commands.append(("stop_reply",))

    def set_muted(self, muted: bool) -> None:
        self.commands.append(("set_muted", muted))

    def submit_text(self, text: str) -> None:
        self.commands.append(("submit_text", text))

    def apply_settings(self, settings: Settings) -> None:
        self.applied.append(settings)

    def preview_voice(self, text: str, voice: str, rate_wpm: int) -> None:
        self.commands.append(("preview_voice", text, voice, rate_wpm))

    def check_microphone(self, seconds: float) -> None:
        self.commands.append(("check_microphone", seconds))

    def retry(self) -> None:
        self.commands.append(("retry",))

    def microphones(self) -> list[DeviceChoice]:
        return [
            DeviceChoice("", "System default (Built-in Microphone)"),
            DeviceChoice("usb-1", "USB Headset"),
        ]

    def speakers(self) -> list[DeviceChoice]:
        return [DeviceChoice("", "System default (Speakers)"), DeviceChoice("usb-1", "USB Headset")]

    def voices(self) -> list[EngineChoice]:
        return [EngineChoice("en-us", "English (America)"), EngineChoice("en-gb", "English (GB)")]

    def wake_words(self) -> list[EngineChoice]:
        return [
            EngineChoice("hey_jarvis", "Hey Jarvis"),
            EngineChoice("okay_nabu", "Okay Nabu"),
            EngineChoice("alexa", "Alexa"),
        ]

    def engines(self, role: str) -> list[EngineChoice]:
        names = {"wake": "micro", "vad": "silero", "stt": "moonshine", "tts": "espeak"}
        return [EngineChoice(names[role], names[role].capitalize())]
