"""Whether the user asked the system for less motion."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication


def prefers_reduced_motion() -> bool:
    """Return the system's wish; False where this version of Qt cannot tell (before 6.12)."""
    hints = QGuiApplication.styleHints().accessibility()
    preference = getattr(hints, "motionPreference", None)
    return preference is not None and "Reduce" in str(preference())
