"""``python -m desktop_voice``."""

from __future__ import annotations

import sys

from desktop_voice.cli import main

if __name__ == "__main__":
    sys.exit(main())
