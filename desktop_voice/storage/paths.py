"""Where the app's files live; ``DESKTOP_VOICE_HOME`` moves every one of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP_NAME = "desktop-voice"


@dataclass(frozen=True, slots=True)
class AppPaths:
    """The folders of the app; none of them is created before something is written."""

    config: Path
    data: Path
    state: Path
    cache: Path

    @property
    def settings_file(self) -> Path:
        """The TOML file with the settings."""
        return self.config / "settings.toml"

    @property
    def log_file(self) -> Path:
        """The newest log file; older ones stand beside it."""
        return self.state / "logs" / "desktop-voice.log"

    @property
    def alarms_file(self) -> Path:
        """Timers and alarms of the app that are not due yet."""
        return self.data / "alarms.json"

    @property
    def talk_alarms_file(self) -> Path:
        """Those set without a window: each file belongs to one process, and rings once."""
        return self.data / "alarms-talk.json"

    @property
    def calls_file(self) -> Path:
        """The database of calls; its backups stand in a folder beside it."""
        return self.data / "calls" / "calls.db"

    @property
    def numbers_file(self) -> Path:
        """What stood at phone numbers before their calls came here."""
        return self.data / "calls" / "numbers.json"

    @property
    def vault_file(self) -> Path:
        """The encrypted file with the keys; its backup and its lock stand beside it."""
        return self.data / "vault" / "keys.vault"

    @property
    def local_api_file(self) -> Path:
        """Where a running app answers commands, and the token that they need; private."""
        return self.data / "local-api.json"


def app_paths() -> AppPaths:
    """Return the folders for this user, or those below ``DESKTOP_VOICE_HOME`` if it is set."""
    home = os.environ.get("DESKTOP_VOICE_HOME")
    if home:
        root = Path(home).expanduser().absolute()
        return AppPaths(root / "config", root / "data", root / "state", root / "cache")
    return AppPaths(
        config=platformdirs.user_config_path(APP_NAME, appauthor=False),
        data=platformdirs.user_data_path(APP_NAME, appauthor=False),
        state=platformdirs.user_state_path(APP_NAME, appauthor=False),
        cache=platformdirs.user_cache_path(APP_NAME, appauthor=False),
    )
