"""Telnyx's conversation relay: Twilio's frames with its own setup, and fewer fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.carrier_voice import CarrierVoice
from desktop_voice.rehearsal.stream_client import Message
from desktop_voice.rehearsal.telnyx_events import CallIds
from desktop_voice.rehearsal.twilio_relay import TwilioRelay

_FIELDS = {"text": {"token", "last"}, "play": {"source"}, "end": set[str]()}


class TelnyxRelay(TwilioRelay):
    """A :class:`~desktop_voice.rehearsal.stream_client.StreamDialect`; one object a session."""

    def __init__(
        self,
        call: NetworkCall,
        ids: CallIds,
        body: Mapping[str, Any],
        voice: CarrierVoice,
        user_id: str,
    ) -> None:
        settings = body.get("conversation_relay_settings") or {}
        merged = {**settings, **body}
        detects = merged.get("dtmf_detection", merged.get("conversation_relay_dtmf_detection"))
        noun = Element(
            "ConversationRelay",
            {
                "url": str(merged.get("url") or merged.get("conversation_relay_url")),
                "welcomeGreeting": str(merged.get("greeting") or ""),
                "dtmfDetection": str(bool(detects)).lower(),
                "interruptible": str(merged.get("interruptible") or "any"),
                "language": str(merged.get("language") or "en"),
            },
        )
        super().__init__(call, noun, voice, user_id)
        self.url = noun.attrib["url"]
        self._leg = call
        self._ids = ids
        self._user_id = user_id
        self._parameters = dict(merged.get("custom_parameters") or {})

    def opening(self) -> Sequence[Message]:
        """``setup``."""
        return [
            {
                "type": "setup",
                "sessionId": self.session_id,
                "accountSid": self._user_id,
                "callSid": self._leg.ref,
                "callControlId": self._leg.ref,
                "callSessionId": self._ids.call_session_id,
                "callLegId": self._ids.call_leg_id,
                "from": self._leg.from_number,
                "to": self._leg.to_number,
                "direction": self._leg.direction,
                "callerName": "",
                "callStatus": "active",
                "customParameters": self._parameters,
            }
        ]

    def take(self, message: Message) -> Sequence[Message]:
        """Carry out the app's message; Telnyx documents fewer fields than Twilio."""
        known = _FIELDS.get(str(message.get("type")))
        if known is not None and (extra := set(message) - known - {"type"}):
            raise ValueError(
                f"the relay's {message['type']} has no field {', '.join(sorted(extra))}"
            )
        if message.get("type") == "text" and "last" not in message:
            raise ValueError("the relay's text needs last")
        return super().take(message)
