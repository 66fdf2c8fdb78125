"""Reach: the hops as people read them."""

from __future__ import annotations

import pytest

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.reach import Fix, Hop, HopReport, HopState, Reach, ReachState

ERROR = PhoneError("TUNNEL-01", "The tunnel is down.", "Start it again.")


@pytest.mark.parametrize("hop", Hop)
def test_every_hop_has_a_name_for_people(hop: Hop) -> None:
    assert hop.label[0].isupper()


@pytest.mark.parametrize("fix", [fix for fix in Fix if fix])
def test_every_fix_has_a_button(fix: Fix) -> None:
    assert fix.label


def test_an_error_becomes_a_report_with_its_fix() -> None:
    report = HopReport.failed(Hop.TUNNEL, ERROR, Fix.RESTART_TUNNEL)
    assert (report.state, report.text, report.do) == (
        HopState.FAILED,
        "The tunnel is down.",
        "Start it again.",
    )
    assert report.fix is Fix.RESTART_TUNNEL
    assert HopReport.failed(Hop.TUNNEL, ERROR, is_fatal=False).state is HopState.WARNING
    assert report.after(0.25).took_ms == 250


def test_the_first_failure_is_what_is_broken() -> None:
    good = HopReport(Hop.KEYS, HopState.OK, "The keys have the right form.")
    bad = HopReport.failed(Hop.TUNNEL, ERROR)
    worse = HopReport.failed(Hop.DNS, ERROR)
    assert Reach(ReachState.BROKEN, hops=(good, bad, worse)).broken is bad
    assert Reach(ReachState.READY, hops=(good,)).broken is None
