"""The first-run guide: a stack of steps with Back, Skip and Next; nothing in it is required."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_voice.core.events import ModelFound
from desktop_voice.core.ports import AssistantControl
from desktop_voice.ui.announce import announce
from desktop_voice.ui.bridge import Bridge
from desktop_voice.ui.onboarding.steps import (
    MicrophoneStep,
    ModelStep,
    Step,
    VoiceStep,
    WakeWordStep,
    WelcomeStep,
)
from desktop_voice.ui.settings_controller import SettingsController
from desktop_voice.ui.theme.manager import set_kind

_CARD_WIDTH_PX = 680
_CARD_HEIGHT_PX = 560


class FirstRunGuide(QWidget):
    """Fills the window; ``finished`` follows the last step or “Skip all”.

    Either way the settings remember that the first run is done. ``phone_wanted`` follows
    ``finished`` if the user goes on with the phone's set-up.
    """

    finished = Signal()
    phone_wanted = Signal()

    def __init__(
        self,
        control: AssistantControl,
        bridge: Bridge,
        settings: SettingsController,
        *,
        has_phone: bool = False,
    ) -> None:
        super().__init__()
        self.setObjectName("guide")
        self._settings = settings
        self._has_phone = has_phone
        self._model_step = ModelStep(control, settings)
        self.steps: tuple[Step, ...] = (
            WelcomeStep(control, settings),
            MicrophoneStep(control, settings, bridge),
            WakeWordStep(control, settings, bridge),
            VoiceStep(control, settings),
            self._model_step,
        )
        self._stack = QStackedWidget()
        for step in self.steps:
            self._stack.addWidget(step)
        self._build()
        self._show_step(0)

    @property
    def current(self) -> Step:
        """The step in view."""
        return self.steps[self._stack.currentIndex()]

    def offer_model(self, found: ModelFound) -> None:
        """Offer a model server that was found."""
        self._model_step.offer(found)

    def next_step(self) -> None:
        """Go on; after the last step the guide is finished."""
        index = self._stack.currentIndex()
        if index + 1 < len(self.steps):
            self._show_step(index + 1)
        else:
            self.finish()

    def previous_step(self) -> None:
        """Go back one step."""
        self._show_step(max(0, self._stack.currentIndex() - 1))

    def finish(self) -> None:
        """End the guide and remember that it was seen."""
        self._settings.change("general", "first_run_done", True)
        self.finished.emit()

    def _finish_with_phone(self) -> None:
        self.finish()
        self.phone_wanted.emit()

    def _build(self) -> None:
        self.progress = QLabel("")
        set_kind(self.progress, "hint")
        self.skip_all = QPushButton("Skip all")
        set_kind(self.skip_all, "quiet")
        self.skip_all.clicked.connect(self.finish)
        head = QHBoxLayout()
        head.addWidget(self.progress)
        head.addStretch(1)
        head.addWidget(self.skip_all)
        self.back = QPushButton("Back")
        self.back.clicked.connect(self.previous_step)
        self.skip = QPushButton("Skip")
        set_kind(self.skip, "quiet")
        self.skip.setAccessibleDescription("Go on without this step.")
        self.skip.clicked.connect(self.next_step)
        self.next = QPushButton("Next")
        set_kind(self.next, "primary")
        self.next.clicked.connect(self.next_step)
        self.phone = QPushButton("Set up calls")
        self.phone.setAccessibleDescription("Finish, and go on with your phone number.")
        self.phone.setToolTip("Finish, and go on with your phone number")
        self.phone.clicked.connect(self._finish_with_phone)
        for button in (self.skip_all, self.back, self.phone, self.skip, self.next):
            button.setAutoDefault(True)  # Enter presses it, as Space does
        foot = QHBoxLayout()
        foot.addWidget(self.back)
        foot.addStretch(1)
        foot.addWidget(self.phone)
        foot.addWidget(self.skip)
        foot.addWidget(self.next)
        card = QFrame()
        set_kind(card, "card")
        card.setFixedWidth(_CARD_WIDTH_PX)
        card.setMaximumHeight(_CARD_HEIGHT_PX)
        column = QVBoxLayout(card)
        column.setContentsMargins(34, 22, 34, 26)
        column.setSpacing(14)
        column.addLayout(head)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self._stack)
        set_kind(scroll, "clear")
        column.addWidget(scroll, 1)
        column.addLayout(foot)
        page = QHBoxLayout(self)
        page.setContentsMargins(20, 24, 20, 24)
        page.addStretch(1)
        page.addWidget(card)
        page.addStretch(1)

    def _show_step(self, index: int) -> None:
        self._stack.setCurrentIndex(index)
        step = self.steps[index]
        is_last = index == len(self.steps) - 1
        self.progress.setText(f"Step {index + 1} of {len(self.steps)}")
        self.back.setVisible(index > 0)
        self.skip.setVisible(index > 0)
        self.phone.setVisible(is_last and self._has_phone)
        self.next.setText("Finish" if is_last else "Start" if index == 0 else "Next")
        step.entered()
        self.next.setFocus()
        announce(self, f"{self.progress.text()}: {step.title}")
