"""The latency chip: how soon the reply was heard, and which stage took how long."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QSizePolicy, QWidget

from desktop_voice.core.events import LatencyMeasured, LatencyStage
from desktop_voice.ui.theme.manager import set_kind


class StageBar(QWidget):
    """One stage as a bar that stands where the stage lies in the whole."""

    def __init__(self, start: float, share: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._start = start
        self._share = share
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: D102 - Qt's own name
        return QSize(170, 14)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: D102 - Qt's own name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        track = QRectF(0, 3, self.width(), self.height() - 6)
        painter.setBrush(self.palette().midlight())
        painter.drawRoundedRect(track, 4, 4)
        left = track.width() * self._start
        width = max(3.0, track.width() * self._share)
        painter.setBrush(self.palette().highlight())
        painter.drawRoundedRect(QRectF(left, 3, width, track.height()), 4, 4)
        painter.end()


class LatencyPopup(QFrame):
    """The stages of one turn; Esc or a click elsewhere closes it."""

    def __init__(self, measured: LatencyMeasured, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        set_kind(self, "popup")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setAccessibleName("Latency by stage")
        grid = QGridLayout(self)
        grid.setContentsMargins(16, 14, 16, 14)
        grid.setHorizontalSpacing(12)
        title = QLabel("End of speech to first sound")
        set_kind(title, "label")
        grid.addWidget(title, 0, 0, 1, 3)
        whole_ms = max(measured.first_audio_ms, sum(s.ms for s in measured.stages), 1.0)
        start_ms = 0.0
        for row, stage in enumerate(measured.stages, start=1):
            grid.addWidget(QLabel(_readable(stage.name)), row, 0)
            grid.addWidget(StageBar(start_ms / whole_ms, stage.ms / whole_ms), row, 1)
            grid.addWidget(_amount(stage.ms), row, 2)
            start_ms += stage.ms
        last = grid.rowCount()
        total = QLabel("First audio")
        set_kind(total, "label")
        grid.addWidget(total, last, 0, 1, 2)
        grid.addWidget(_amount(measured.first_audio_ms), last, 2)


class LatencyChip(QPushButton):
    """“First audio 420 ms”; click for the stages. Empty until a turn was measured."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_kind(self, "chip")
        self.setAccessibleDescription("Opens the stages of the last turn.")
        self.setToolTip("Show the stages of the last turn")
        self._measured: LatencyMeasured | None = None
        self.clicked.connect(self.open_stages)

    def show_latency(self, measured: LatencyMeasured) -> None:
        """Show the newest turn."""
        self._measured = measured
        self.setText(f"First audio {measured.first_audio_ms:.0f} ms")
        self.setAccessibleName(_spoken(measured))

    def open_stages(self) -> None:
        """Open the stages below the chip."""
        if self._measured is None:
            return
        popup = LatencyPopup(self._measured, self)
        popup.adjustSize()
        corner = self.mapToGlobal(QPoint(self.width() - popup.width(), self.height() + 6))
        popup.move(corner)
        popup.show()
        popup.setFocus()


def _readable(name: str) -> str:
    known = {"stt": "Recognition", "llm": "Model", "tts": "Voice", "vad": "Voice detection"}
    return known.get(name, name.replace("_", " ").capitalize())


def _amount(ms: float) -> QLabel:
    label = QLabel(f"{ms:.0f} ms")
    label.setAlignment(Qt.AlignmentFlag.AlignRight)
    return label


def _spoken(measured: LatencyMeasured) -> str:
    def words(stage: LatencyStage) -> str:
        return f"{_readable(stage.name)} {stage.ms:.0f}"

    stages = ", ".join(words(stage) for stage in measured.stages)
    return f"First audio after {measured.first_audio_ms:.0f} milliseconds" + (
        f": {stages}" if stages else ""
    )
