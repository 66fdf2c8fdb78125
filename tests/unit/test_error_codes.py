"""Every error code in the source is listed in the user guide, and the other way round."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_CODE = re.compile(r"\b[A-Z]{3,8}-\d{2}\b")


def _codes_in_source() -> set[str]:
    codes = set()
    for path in (ROOT / "desktop_voice").rglob("*.py"):
        codes |= {code[1:-1] for code in re.findall(r'"[A-Z]+-\d{2}"', path.read_text())}
    for role in ("WAKE", "VAD", "STT", "TTS"):
        codes |= {f"{role}-01", f"{role}-09"}
    return codes


def _codes_in_guide() -> set[str]:
    codes = set()
    for line in (ROOT / "docs" / "user-guide.md").read_text().splitlines():
        if not line.startswith("| "):
            continue
        cell = line.split("|")[1]
        codes |= set(_CODE.findall(cell))
        for first, last in re.findall(r"([A-Z]+-\d{2}) to ([A-Z]+-\d{2})", cell):
            area = first.split("-")[0]
            numbers = range(int(first.split("-")[1]), int(last.split("-")[1]) + 1)
            codes |= {f"{area}-{number:02}" for number in numbers}
    return codes


def test_the_user_guide_lists_every_code() -> None:
    assert _codes_in_source() == _codes_in_guide()
