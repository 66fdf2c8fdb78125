"""The notice that the vault is locked, or that its backup had to be used."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.events import ErrorRaised, Notice
from desktop_voice.core.ports import VaultControl, VaultStatus
from desktop_voice.ui.mailbox import Mailbox
from desktop_voice.ui.widgets.banner import BannerStack

LOCKED = Notice(
    "The vault with your keys is locked.",
    "What needs a key, such as phone calls, waits until it is open.",
)


class VaultNotice(QObject):
    """Asks for the vault's status once, and is told of later ones by :meth:`show_status`.

    Args:
        unlock: Leads the user to where the vault can be opened.
    """

    def __init__(
        self, vault: VaultControl, banners: BannerStack, unlock: Callable[[], None]
    ) -> None:
        super().__init__(banners)
        self._banners = banners
        self._unlock = unlock
        self._is_told = False
        self._problem = ""
        Mailbox(self).expect(vault.status(), self.show_status, self._show_error)

    def show_status(self, status: VaultStatus) -> None:
        """Tell of a locked vault once each time it gets locked."""
        if status.exists and not status.is_open:
            if not self._is_told:
                self._banners.add(LOCKED, ("Unlock", self._unlock))
            self._is_told = True
        else:
            self._is_told = False
            self._banners.dismiss(LOCKED)
        code = status.problem.code if status.problem is not None else ""
        if status.problem is not None and code != self._problem:
            self._show_error(status.problem)
        self._problem = code

    def _show_error(self, error: DesktopVoiceError) -> None:
        self._banners.add(ErrorRaised.of(error))
