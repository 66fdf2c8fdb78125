"""Builds the turn engine of one call: the desk's engines, and a state of its own."""

from __future__ import annotations

import asyncio

from desktop_voice.core.calls import CallMode
from desktop_voice.core.errors import EngineError
from desktop_voice.core.phone_settings import CallInterruption
from desktop_voice.core.settings import Interruption
from desktop_voice.dialogue.cascading import CascadingPipeline, TurnObserver
from desktop_voice.dialogue.completeness import with_intents
from desktop_voice.dialogue.ear import Ear
from desktop_voice.dialogue.interruption import InterruptionPolicy
from desktop_voice.dialogue.lines.phone import PhoneLine
from desktop_voice.dialogue.mouth import Mouth
from desktop_voice.speech.engine_room import EngineRoom
from desktop_voice.telephony.session import Surroundings


class TurnEngines:
    """Makes pipelines for calls out of shared engines; used on the media loop."""

    def __init__(self, room: EngineRoom) -> None:
        self._room = room

    @property
    def can_talk(self) -> bool:
        """Whether this machine can hear and speak by itself."""
        return self._room.engines.can_hear and self._room.engines.tts is not None

    async def make(
        self, line: PhoneLine, around: Surroundings, observer: TurnObserver
    ) -> CascadingPipeline:
        """Build the pipeline of one call.

        Raises:
            EngineError: The engines cannot hear or speak any more.
        """
        if not self.can_talk:
            raise EngineError(
                "PHONE-15",
                "This machine cannot hear or speak on calls at the moment.",
                "See Settings > Speech; until then the carrier's own voice is used.",
            )
        settings = around.settings
        allowed = settings.phone.interruptible
        by_speech = allowed in (CallInterruption.SPEECH, CallInterruption.ANY)
        turns = settings.turns.model_copy(
            update={"interruptible": Interruption.SPEECH if by_speech else Interruption.NONE}
        )
        ear = Ear(
            await self._room.new_vad(settings),
            self._room.transcribe,
            with_intents(around.recognise),
            turns,
            is_paced=True,
            is_deaf=around.handle.call.mode is CallMode.NOTIFY,
        )
        mouth = Mouth(
            line,
            self._room.engines.tts,
            self._room.tts_worker,
            settings.speech,
            now=asyncio.get_running_loop().time,
        )
        return CascadingPipeline(
            line,
            ear,
            mouth,
            around.answerer,
            around.bus,
            observer,
            turns,
            around.progress.history,
            policy=InterruptionPolicy.for_calls(settings.phone),
            bridges_silence=True,
        )
