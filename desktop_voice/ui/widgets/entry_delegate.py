"""Paints a list's entries: a name in bold, and below it lines in small type that wrap."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from desktop_voice.ui.theme.tokens import Tokens

_PADDING_PX = 9
_GAP_PX = 2
_RADIUS_PX = 8
_SMALL = 0.88

Index = QModelIndex | QPersistentModelIndex


class EntryDelegate(QStyledItemDelegate):
    """The first line of an entry's text is its name; what does not fit is wrapped, never cut."""

    def __init__(self, view: QListView, tokens: Tokens) -> None:
        super().__init__(view)
        self._view = view
        self._tokens = tokens

    def set_tokens(self, tokens: Tokens) -> None:
        """Use another theme."""
        self._tokens = tokens
        self._view.viewport().update()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: D102 - Qt's own name
        width = self._view.viewport().width()
        name, rest = self._rects(option.font, index, QRect(0, 0, width, 0))
        return QSize(width, name.height() + _GAP_PX + rest.height() + 2 * _PADDING_PX)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: D102 - Qt's own name
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        is_pointed = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        # A mirrored window must not turn a number's groups round.
        painter.setLayoutDirection(Qt.LayoutDirection.LayoutDirectionAuto)
        painter.setPen(Qt.PenStyle.NoPen)
        if is_chosen or is_pointed:
            painter.setBrush(QColor(self._tokens.raised))
            painter.drawRoundedRect(option.rect.adjusted(0, 1, 0, -1), _RADIUS_PX, _RADIUS_PX)
        if is_chosen:
            bar = QRect(option.rect.left(), option.rect.top() + 8, 3, option.rect.height() - 16)
            if option.direction is Qt.LayoutDirection.RightToLeft:
                bar.moveRight(option.rect.right())
            painter.setBrush(QColor(self._tokens.accent))
            painter.drawRoundedRect(bar, 1.5, 1.5)
        name, rest = self._rects(option.font, index, option.rect)
        first, _, more = _text(index).partition("\n")
        painter.setPen(QColor(self._tokens.text))
        painter.setFont(_name_font(option.font))
        painter.drawText(name, _FLAGS, first)
        painter.setPen(QColor(self._tokens.muted_text))
        painter.setFont(_small_font(option.font))
        painter.drawText(rest, _FLAGS, more)
        painter.restore()

    def _rects(self, font: QFont, index: Index, room: QRect) -> tuple[QRect, QRect]:
        first, _, more = _text(index).partition("\n")
        left, top = room.left() + _PADDING_PX + 3, room.top() + _PADDING_PX
        width = max(room.width() - 2 * _PADDING_PX - 3, 40)
        name_height = _height(_name_font(font), first, width)
        rest_height = _height(_small_font(font), more, width)
        name = QRect(left, top, width, name_height)
        return name, QRect(left, name.bottom() + 1 + _GAP_PX, width, rest_height)


_FLAGS = int(Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignTop)


def _text(index: Index) -> str:
    return str(index.data(Qt.ItemDataRole.DisplayRole) or "")


def _name_font(font: QFont) -> QFont:
    bold = QFont(font)
    bold.setWeight(QFont.Weight.DemiBold)
    return bold


def _small_font(font: QFont) -> QFont:
    small = QFont(font)
    small.setPointSizeF(font.pointSizeF() * _SMALL)
    return small


def _height(font: QFont, text: str, width: int) -> int:
    room = QRect(0, 0, width, 100_000)
    return QFontMetrics(font).boundingRect(room, _FLAGS, text).height()
