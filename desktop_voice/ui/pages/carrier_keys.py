"""The keys of one carrier: a field each, and where the carrier's console shows them."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.ports import VaultStatus
from desktop_voice.ui.pages.carrier_guide import CARRIERS
from desktop_voice.ui.pages.key_field import KeyField
from desktop_voice.ui.widgets.plain_label import plain_label


class CarrierKeys(QWidget):
    """Each carrier has one of its own, so that what was typed stays while another is chosen."""

    def __init__(self, carrier: CarrierName) -> None:
        super().__init__()
        guide = CARRIERS[carrier]
        self.fields = tuple(KeyField(key) for key in guide.keys)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(plain_label(guide.where, "hint"))
        for field in self.fields:
            column.addWidget(field)

    @property
    def are_known(self) -> bool:
        """Whether every key is in the vault or in the environment."""
        return all(field.is_known for field in self.fields)

    @property
    def is_typed(self) -> bool:
        """Whether a key was typed that is not kept yet."""
        return any(field.value for field in self.fields)

    def show_status(self, status: VaultStatus) -> None:
        """Show where each key comes from."""
        for field in self.fields:
            field.show_status(status)

    def focus(self) -> None:
        """Bring the keyboard to the first key that is missing, else to the first."""
        missing = [field for field in self.fields if not field.is_known and not field.value]
        (missing or list(self.fields))[0].focus()
