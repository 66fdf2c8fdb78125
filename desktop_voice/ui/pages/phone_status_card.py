"""The phone's status card: what stands on the calls page while nobody is on the phone."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from desktop_voice.core.events import PhoneStatusChanged
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.widgets.plain_label import plain_label


class PhoneStatusCard(QFrame):
    """Says in plain words what is missing, or what to do next; asks for the settings."""

    settings_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        set_kind(self, "card")
        self.heading = plain_label("The phone is starting…", "heading")
        self.text = plain_label("", "")
        self.advice = plain_label("", "hint")
        self.settings_button = QPushButton("Open phone settings")
        self.settings_button.clicked.connect(self.settings_wanted)
        self.settings_button.hide()
        row = QHBoxLayout()
        row.addWidget(self.settings_button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 20)
        column.setSpacing(8)
        for label in (self.heading, self.text, self.advice):
            column.addWidget(label)
        column.addLayout(row)

    def show_status(self, status: PhoneStatusChanged) -> None:
        """Show what the phone says of itself."""
        self.text.setText(status.text)
        self.settings_button.setVisible(not (status.is_set_up and status.is_reachable))
        if not status.is_set_up:
            self.heading.setText("Calls are not set up yet")
            self.advice.setText(
                "Choose a carrier in the settings and put its keys into the vault there. "
                "“Rehearse” places a whole call on this machine, without an account."
            )
        elif not status.is_reachable:
            self.heading.setText("The carrier cannot reach this machine")
            self.advice.setText(
                "Calls need a public https address that leads here. Enter it in the settings."
            )
        else:
            self.heading.setText("No calls right now")
            self.advice.setText("Enter a number, or ask the assistant: “Call …, and tell them …”.")
