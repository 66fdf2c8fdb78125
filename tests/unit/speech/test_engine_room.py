"""The engine room: what conversations share, and what each has for itself."""

import numpy as np

from desktop_voice.core.settings import Settings
from desktop_voice.speech.engine_room import EngineRoom


async def test_every_conversation_gets_a_voice_activity_detector_of_its_own() -> None:
    room = EngineRoom()
    try:
        first, second = await room.new_vad(Settings()), await room.new_vad(Settings())
        assert first is not second
        noise = np.random.default_rng(1).integers(-9000, 9000, 512).astype(np.int16)
        silent = np.zeros(512, dtype=np.int16)
        alone = [second.probability(silent) for _ in range(5)]
        second.reset()
        together = []
        for _ in range(5):
            first.probability(noise)
            together.append(second.probability(silent))
        assert together == alone
    finally:
        await room.close()
