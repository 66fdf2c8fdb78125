"""``python -m benchmarks.turns``: ``desktop-voice bench`` over the synthetic built-in questions."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.clips import QUESTIONS, write_clip
from desktop_voice.core.settings import LogLevel
from desktop_voice.desk.bench import run_bench
from desktop_voice.storage.paths import app_paths
from desktop_voice.system.logs import configure_logs


def main() -> int:
    """Write the questions into a temporary folder and measure a turn over each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="turns for each question (default 3)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    options = parser.parse_args()
    configure_logs(app_paths().log_file, LogLevel.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        clips = [write_clip(Path(folder), text) for text in QUESTIONS]
        return run_bench(clips, options.runs, as_json=options.json)


if __name__ == "__main__":
    sys.exit(main())
