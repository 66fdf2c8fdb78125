"""One fault at a time, in short: nobody hears nothing for long, and every call ends by a rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.call_faults import CASES, FaultBench
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.settings import Settings
from tests.helpers.phone_lab import loaded_room
from tests.helpers.recordings import Recordings

_TWILIO, _TELNYX, _PLIVO = CarrierName.TWILIO, CarrierName.TELNYX, CarrierName.PLIVO

# Every hop of the table that benchmarks/call_faults.py prints, and every carrier.
CHOSEN = (
    ("stt hangs", _TELNYX, "cascading"),
    ("stt raises", _TWILIO, "cascading"),
    ("tts crashes at start", _PLIVO, "cascading"),
    ("tts hangs mid-reply", _TWILIO, "cascading"),
    ("model no first token", _PLIVO, "gather"),
    ("model stalls mid-stream", _TELNYX, "cascading"),
    ("media stalled", _TWILIO, "cascading"),
    ("media always dropped", _TELNYX, "cascading"),
    ("webhook last ones lost", _PLIVO, "cascading"),
    ("webhook 500 in the talk", _TELNYX, "gather"),
    ("webhook answer lost (all tries)", _TELNYX, "cascading"),
    ("webhook only the answer's lost", _TELNYX, "gather"),
    ("webhook only the answer's lost, out", _TELNYX, "cascading"),
    ("rest create 401", _TWILIO, "gather"),
    ("rest create's reply lost", _PLIVO, "gather"),
    ("rest create garbage", _PLIVO, "gather"),
    ("rest perform garbage once", _TWILIO, "cascading"),
    ("rest hang-up fails twice", _TELNYX, "cascading"),
)


@pytest.mark.timeout(240)
async def test_under_any_single_fault_a_call_is_never_silent_for_long_and_ends_by_a_rule(
    recordings: Recordings, tmp_path: Path
) -> None:
    jobs = [
        (case, carrier, pipeline)
        for name, carrier, pipeline in CHOSEN
        for case in CASES
        if f"{case.hop} {case.name}" == name
        if carrier in case.carriers and pipeline in case.pipelines
    ]
    assert len(jobs) == len(CHOSEN)
    room = await loaded_room(Settings())
    try:
        rows = await FaultBench(room, recordings, tmp_path).run(jobs, at_once=4)
    finally:
        await room.close()
    assert [row.text for row in rows if row.wrong] == []
    for row in rows:
        assert row.call is not None
        assert row.call.reason.text
