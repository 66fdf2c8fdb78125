"""The download bar: how far a download is, in words and as a bar."""

from __future__ import annotations

from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from desktop_voice.core.events import DownloadProgress
from desktop_voice.ui.widgets.plain_label import plain_label

_MB = 1_000_000
_STEPS = 1000


class DownloadBar(QWidget):
    """Is to be seen while something is fetched, and goes once it is there."""

    def __init__(self) -> None:
        super().__init__()
        self.text = plain_label("", "hint")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Download")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        column.addWidget(self.text)
        column.addWidget(self.bar)
        self.hide()

    def show_progress(self, event: DownloadProgress) -> None:
        """Show how much has come; a download whose length is unknown shows an endless bar."""
        done, total = event.done_bytes, event.total_bytes
        of_all = f" of {total / _MB:.0f} MB" if total else " MB"
        self.text.setText(f"Downloading {event.name}: {done / _MB:.0f}{of_all}")
        self.bar.setAccessibleName(f"Download of {event.name}")
        self.bar.setRange(0, _STEPS if total else 0)
        # Bytes can be more than the bar's 32 bits.
        self.bar.setValue(int(_STEPS * min(done / total, 1.0)) if total else 0)
        self.setVisible(not total or done < total)
