"""A row of chips: when there is no room for all, the less important ones step aside."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

_GAP_PX = 10


class ChipRow(QWidget):
    """Lays out chips at the right; their order in ``chips`` is their importance.

    Use :meth:`set_wanted` to leave one out: whether a chip is visible is up to the row.
    """

    def __init__(self, chips: tuple[QWidget, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chips = chips
        self._wanted = set(chips)
        for chip in chips:
            chip.setParent(self)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_wanted(self, chip: QWidget, *, wanted: bool) -> None:
        """Let ``chip`` take part, or leave it out."""
        if wanted:
            self._wanted.add(chip)
        else:
            self._wanted.discard(chip)
        self._arrange()

    def sizeHint(self) -> QSize:  # noqa: D102 - Qt's own name
        sizes = [chip.sizeHint() for chip in self._chips if chip in self._wanted]
        width = sum(size.width() + _GAP_PX for size in sizes)
        return QSize(width, max((size.height() for size in sizes), default=0))

    def minimumSizeHint(self) -> QSize:  # noqa: D102 - Qt's own name
        return QSize(self._chips[0].sizeHint().width(), self.sizeHint().height())

    def event(self, event: QEvent) -> bool:  # noqa: D102 - Qt's own name
        if event.type() is QEvent.Type.LayoutRequest:
            self.updateGeometry()
            self._arrange()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102 - Qt's own name
        super().resizeEvent(event)
        self._arrange()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102 - Qt's own name
        # While hidden it is not told that a chip's text has changed.
        super().showEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        room = self.width()
        shown = []
        for chip in self._chips:
            width = chip.sizeHint().width()
            fits = chip in self._wanted and width <= room
            chip.setVisible(fits)
            if fits:
                shown.append(chip)
                room -= width + _GAP_PX
        right = self.width()
        for chip in reversed(shown):
            size = chip.sizeHint()
            right -= size.width()
            chip.setGeometry(
                right, (self.height() - size.height()) // 2, size.width(), size.height()
            )
            right -= _GAP_PX
