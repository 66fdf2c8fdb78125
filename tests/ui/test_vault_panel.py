"""The vault's panel over a real vault: made, opened, filled, tested, locked; never a value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from desktop_voice.core.bus import EventBus
from desktop_voice.core.errors import CommandError
from desktop_voice.core.ports import VaultStatus
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.storage.vault import Vault
from desktop_voice.storage.vault_keyring import SystemKeyring
from desktop_voice.system.vault_control import VaultService
from desktop_voice.ui.pages.secret_row import SecretRow, secret_title
from desktop_voice.ui.pages.vault_panel import VaultPanel
from desktop_voice.ui.vault_notice import LOCKED
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_control import RecordingControl
from tests.helpers.vault import PASSPHRASE, SMALL, MemoryBackend
from tests.ui.conftest import dispose

SECRET = "AC-planted-secret-4711"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault" / "keys.vault"


@pytest.fixture
def keyring() -> SystemKeyring:
    return SystemKeyring(MemoryBackend())


@pytest.fixture
def make_panel(qtbot: QtBot, path: Path) -> Iterator[Callable[..., VaultPanel]]:
    """Return a function that shows a panel over a vault service, and waits for its answer."""
    services = []

    def make(
        keyring: SystemKeyring | None = None,
        test_key: Callable[[str], Future[str]] | None = None,
    ) -> VaultPanel:
        service = VaultService(path, find_keyring=lambda: keyring, cost=SMALL)
        services.append(service)
        panel = VaultPanel(service, test_key)
        qtbot.addWidget(panel)
        statuses: list[VaultStatus] = []
        panel.status_changed.connect(statuses.append)
        panel.show()
        qtbot.waitUntil(lambda: bool(statuses))
        return panel

    yield make
    for service in services:
        service.close()


def row(panel: VaultPanel, name: str = "twilio_auth_token") -> SecretRow:
    return panel.rows[name]


def enter(panel: VaultPanel, first: str, second: str = "") -> None:
    panel.door.first.line.setText(first)
    panel.door.second.line.setText(second)
    panel.door.enter_button.click()


def filled(path: Path, keyring: SystemKeyring | None = None) -> Vault:
    vault = Vault(path, keyring, SMALL)
    vault.create(None if keyring is not None else PASSPHRASE)
    vault.set("twilio_auth_token", SECRET)
    return vault


def everything_shown(panel: VaultPanel) -> str:
    parts = [label.text() for label in panel.findChildren(QLabel)]
    parts += [button.text() for button in panel.findChildren(QPushButton)]
    parts += [line.text() for line in panel.findChildren(QLineEdit)]
    parts += [f"{w.accessibleName()} {w.toolTip()}" for w in panel.findChildren(QLineEdit)]
    return "\n".join(parts)


def test_a_vault_is_made_and_its_recovery_key_shown_once(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path
) -> None:
    panel = make_panel()
    assert panel.door.heading.text() == "There is no vault yet"
    assert row(panel).state.text() == "○ Not set"
    assert not row(panel).set_button.isEnabled()
    enter(panel, PASSPHRASE, PASSPHRASE)
    qtbot.waitUntil(lambda: panel.door.heading.text() == "The vault is open")
    code = panel.door.recovery.code.text()
    Vault(path, None, SMALL).open(code)
    Vault(path, None, SMALL).open(PASSPHRASE)
    panel.door.recovery.done.click()
    assert code not in everything_shown(panel)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [(PASSPHRASE, "another one", "different"), ("short", "short", "at least 8")],
)
def test_a_bad_passphrase_makes_no_vault(
    qtbot: QtBot,
    make_panel: Callable[..., VaultPanel],
    path: Path,
    first: str,
    second: str,
    said: str,
) -> None:
    panel = make_panel()
    enter(panel, first, second)
    qtbot.waitUntil(lambda: said in panel.door.problem.text())
    assert not path.exists()
    assert panel.door.enter_button.isEnabled()


def test_a_vault_shows_as_open_though_the_keyring_does_not_keep_it_so(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path
) -> None:
    filled(path)
    panel = make_panel(SystemKeyring(ForgetfulBackend()))
    assert panel.door.heading.text() == "The vault is locked"
    panel.door.remember.setChecked(True)
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(lambda: panel.door.heading.text() == "The vault is open")
    assert "keyring" in panel.door.problem.text()
    assert panel.door.problem.isVisible()


class ForgetfulBackend(MemoryBackend):
    """A keyring that keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


def test_the_keyring_can_open_a_new_vault(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path, keyring: SystemKeyring
) -> None:
    panel = make_panel(keyring)
    panel.door.keyring_button.click()
    qtbot.waitUntil(lambda: panel.door.heading.text() == "The vault is open")
    assert "keyring opens it" in panel.door.advice.text()
    assert panel.door.change_button.text() == "Choose a passphrase…"
    assert Vault(path, keyring, SMALL).open_with_keyring(may_ask=False)


def test_a_value_goes_in_masked_and_never_comes_out(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path
) -> None:
    panel = make_panel()
    enter(panel, PASSPHRASE, PASSPHRASE)
    qtbot.waitUntil(row(panel).set_button.isEnabled)
    token = row(panel)
    token.set_button.click()
    QApplication.clipboard().setText(f"  {SECRET}\n")
    token.field.paste_button.click()
    assert token.field.line.text() == f"  {SECRET}"
    assert token.field.line.echoMode() is QLineEdit.EchoMode.Password
    QTest.mousePress(token.field.show_button, Qt.MouseButton.LeftButton)
    assert token.field.line.echoMode() is QLineEdit.EchoMode.Normal
    QTest.mouseRelease(token.field.show_button, Qt.MouseButton.LeftButton)
    assert token.field.line.echoMode() is QLineEdit.EchoMode.Password
    QTest.keyClick(token.field.line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "in the vault" in token.state.text())
    assert SECRET not in everything_shown(panel)
    token.field.line.undo()
    assert SECRET not in token.field.line.text()
    vault = Vault(path, None, SMALL)
    vault.open(PASSPHRASE)
    assert vault.entries() == {"twilio_auth_token": SECRET}
    assert token.set_button.text() == "Replace…"


def test_a_value_that_is_refused_says_why(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path
) -> None:
    filled(path)
    panel = make_panel()
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(row(panel).set_button.isEnabled)
    row(panel).entered.emit("bad\x00value")
    qtbot.waitUntil(lambda: "no text" in row(panel).result.text())
    assert SECRET not in everything_shown(panel)


def test_removing_asks_once_more(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path
) -> None:
    filled(path)
    panel = make_panel()
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(lambda: row(panel).remove_button.isVisible())
    row(panel).remove_button.click()
    assert row(panel).remove_button.text() == "Really remove"
    assert "in the vault" in row(panel).state.text()
    row(panel).remove_button.click()
    qtbot.waitUntil(lambda: row(panel).state.text() == "○ Not set")
    assert not row(panel).remove_button.isVisible()


def test_what_the_environment_has_is_said_with_its_variable(
    make_panel: Callable[..., VaultPanel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    panel = make_panel()
    assert row(panel, "openai_api_key").state.text() == "◐ From the environment (OPENAI_API_KEY)"
    assert SECRET not in everything_shown(panel)


def test_what_the_environment_has_is_put_into_the_vault_by_a_button(
    qtbot: QtBot,
    make_panel: Callable[..., VaultPanel],
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    Vault(path, None, SMALL).create(PASSPHRASE)
    panel = make_panel()
    key = row(panel, "openai_api_key")
    assert key.import_button.isVisible()
    assert not key.import_button.isEnabled()
    assert not row(panel).import_button.isVisible()
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(key.import_button.isEnabled)
    key.import_button.click()
    qtbot.waitUntil(lambda: key.state.text() == "● Set, in the vault")
    assert not key.import_button.isVisible()
    assert SECRET not in everything_shown(panel)
    vault = Vault(path, None, SMALL)
    vault.open(PASSPHRASE)
    assert vault.entries() == {"openai_api_key": SECRET}


def test_a_wrong_passphrase_says_so_and_the_right_one_opens(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path
) -> None:
    filled(path)
    panel = make_panel()
    assert panel.door.heading.text() == "The vault is locked"
    assert row(panel).state.text() == "○ Unknown while the vault is locked"
    enter(panel, "wrong passphrase")
    qtbot.waitUntil(lambda: "neither the vault's passphrase" in panel.door.problem.text())
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(lambda: "in the vault" in row(panel).state.text())
    assert panel.door.first.line.text() == ""


def test_a_passphrase_counts_to_its_last_blank(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path
) -> None:
    Vault(path, None, SMALL).create(f" {PASSPHRASE} ")
    panel = make_panel()
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(lambda: "neither the vault's passphrase" in panel.door.problem.text())
    enter(panel, f" {PASSPHRASE} ")
    qtbot.waitUntil(lambda: panel.door.heading.text() == "The vault is open")


def test_what_was_typed_is_forgotten_when_the_page_is_left(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path
) -> None:
    filled(path)
    panel = make_panel()
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(row(panel).set_button.isEnabled)
    row(panel).open_editor()
    row(panel).field.line.setText("half a secret")
    panel.hide()
    assert row(panel).field.line.text() == ""


def test_unlocking_can_be_left_to_the_keyring_and_locking_takes_that_back(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path, keyring: SystemKeyring
) -> None:
    filled(path)
    panel = make_panel(keyring)
    panel.door.remember.setChecked(True)
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(lambda: "keyring opens it" in panel.door.advice.text())
    assert make_panel(keyring).door.heading.text() == "The vault is open"
    panel.door.lock_button.click()
    qtbot.waitUntil(lambda: panel.door.heading.text() == "The vault is locked")
    assert make_panel(keyring).door.heading.text() == "The vault is locked"


def test_a_vault_without_a_passphrase_is_not_locked_for_good(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path, keyring: SystemKeyring
) -> None:
    filled(path, keyring)
    panel = make_panel(keyring)
    panel.door.lock_button.click()
    qtbot.waitUntil(lambda: "no passphrase" in panel.door.problem.text())
    assert panel.door.heading.text() == "The vault is open"


def test_the_passphrase_is_changed(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path
) -> None:
    filled(path)
    panel = make_panel()
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(lambda: panel.door.change_button.isVisible())
    panel.door.change_button.click()
    assert panel.door.second.isVisible()
    enter(panel, "entirely new words", "entirely new words")
    qtbot.waitUntil(lambda: panel.door.change_button.isVisible())
    Vault(path, None, SMALL).open("entirely new words")


def test_a_key_is_tested_by_the_function_that_was_given(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path
) -> None:
    filled(path)
    asked: list[str] = []
    answer: Future[str] = Future()

    def test_key(name: str) -> Future[str]:
        asked.append(name)
        return answer

    panel = make_panel(test_key=test_key)
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(lambda: row(panel).test_button.isVisible())
    row(panel).test_button.click()
    assert asked == ["twilio_auth_token"]
    assert row(panel).result.text() == "Testing…"
    assert not row(panel).test_button.isEnabled()
    answer.set_result("Twilio knows this account.")
    qtbot.waitUntil(lambda: row(panel).result.text() == "Twilio knows this account.")
    assert row(panel).test_button.isEnabled()


def test_a_key_that_fails_its_test_says_what_to_do(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path
) -> None:
    filled(path)
    answer: Future[str] = Future()
    answer.set_exception(CommandError("PHONE-01", "Twilio refused it.", "Copy it again."))
    panel = make_panel(test_key=lambda _name: answer)
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(lambda: row(panel).test_button.isVisible())
    row(panel).test_button.click()
    qtbot.waitUntil(lambda: row(panel).result.text() == "Twilio refused it. Copy it again.")


def test_a_test_that_breaks_leaves_the_row_usable(
    qtbot: QtBot, make_panel: Callable[..., VaultPanel], path: Path
) -> None:
    filled(path)
    answer: Future[str] = Future()
    answer.set_exception(RuntimeError(SECRET))
    panel = make_panel(test_key=lambda _name: answer)
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(lambda: row(panel).test_button.isVisible())
    row(panel).test_button.click()
    qtbot.waitUntil(lambda: "unexpected failed (RuntimeError)" in row(panel).result.text())
    assert row(panel).test_button.isEnabled()
    assert SECRET not in everything_shown(panel)


def test_names_are_written_as_people_say_them() -> None:
    assert secret_title("twilio_account_sid") == "Twilio account SID"
    assert secret_title("openai_api_key") == "OpenAI API key"


def test_a_locked_vault_is_told_of_at_the_start_and_unlock_leads_there(
    qtbot: QtBot, control: RecordingControl, bus: EventBus, store: SettingsFile, path: Path
) -> None:
    filled(path)
    vault = VaultService(path, find_keyring=lambda: None, cost=SMALL)
    window = MainWindow(control, bus, store, vault=vault)
    window.open_window()
    qtbot.waitUntil(lambda: window.banners.messages == (LOCKED,))
    (unlock,) = [b for b in window.banners.findChildren(QPushButton) if b.text() == "Unlock"]
    unlock.click()
    panel = window.settings_page.vault
    assert panel is not None
    assert panel.isVisible()
    qtbot.waitUntil(lambda: panel.door.heading.text() == "The vault is locked")
    enter(panel, PASSPHRASE)
    qtbot.waitUntil(lambda: panel.door.heading.text() == "The vault is open")
    assert window.banners.messages == ()
    panel.door.lock_button.click()
    qtbot.waitUntil(lambda: window.banners.messages == (LOCKED,))
    vault.close()
    dispose(window)


def test_an_open_vault_and_no_vault_raise_no_notice(
    qtbot: QtBot,
    control: RecordingControl,
    bus: EventBus,
    store: SettingsFile,
    path: Path,
    keyring: SystemKeyring,
) -> None:
    for _ in range(2):
        vault = VaultService(path, find_keyring=lambda: keyring, cost=SMALL)
        window = MainWindow(control, bus, store, vault=vault)
        panel = window.settings_page.vault
        assert panel is not None
        with qtbot.waitSignal(panel.status_changed):
            panel.refresh()
        assert window.banners.messages == ()
        vault.close()
        dispose(window)
        if not path.exists():
            filled(path, keyring)
