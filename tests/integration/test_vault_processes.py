"""The vault between processes: two that write at once, and one that is killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from desktop_voice.core.errors import VaultError
from desktop_voice.storage.vault import Vault
from tests.helpers.vault import PASSPHRASE, SMALL

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses fork and signals")

SECRET = "canary-7f3b91d2e85a4c06"
KILLS = 100
_NAMES = 15

_WRITER = """
import os, sys
from pathlib import Path
from desktop_voice.storage.vault import Vault
from tests.helpers.vault import PASSPHRASE, SMALL

path, what = Path(sys.argv[1]), sys.argv[2]
vault = Vault(path, None, SMALL)

def say(*words):
    # One write, so that a kill leaves no half of a line.
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
"""
_ADDS_NAMES = """
vault.open(PASSPHRASE)
say("ready")
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    vault.set(f"{what}_{number}", "value")
"""
# One line before each change and one after it, then the same again with the next number.
_CHANGES_FOR_EVER = """
number = int(sys.argv[3])
vault.open(f"{PASSPHRASE} {number}" if what == "passphrase" else PASSPHRASE)
while True:
    number += 1
    say("begun", number)
    if what == "passphrase":
        vault.set_passphrase(f"{PASSPHRASE} {number}")
    else:
        vault.set("number", str(number), replace=True)
    say("done", number)
"""
# Forks a writer at a time, so that Python and its imports are paid for once.
_FORKS = """
while True:
    line = sys.stdin.readline()
    if not line:
        break
    child = os.fork()
    if child == 0:
        sys.argv[3] = line.strip()
        exec(CHANGES)
    say("child", child)
    os.waitpid(child, 0)
    say("dead")
"""


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "keys.vault"
    vault = Vault(path, None, SMALL)
    vault.create(PASSPHRASE)
    with (
        _started(_ADDS_NAMES, path, "one", _NAMES) as one,
        _started(_ADDS_NAMES, path, "two", _NAMES) as two,
    ):
        assert (_line(one), _line(two)) == ("ready", "ready")
        _tell(one, "go")
        _tell(two, "go")
        assert (one.wait(), two.wait()) == (0, 0)
    expected = {f"{what}_{number}" for what in ("one", "two") for number in range(_NAMES)}
    assert set(vault.names()) == expected


@pytest.mark.parametrize("what", ["number", "passphrase"])
def test_a_vault_survives_a_kill_at_any_moment(tmp_path: Path, what: str) -> None:
    """After each kill it is the old one or the new one: one passphrase, one value, no doubt."""
    path = tmp_path / "keys.vault"
    vault = Vault(path, None, SMALL)
    vault.create(f"{PASSPHRASE} 0" if what == "passphrase" else PASSPHRASE)
    vault.merge({"number": "0", "other": SECRET})
    rng = random.Random(1)  # noqa: S311 - moments to kill at
    find = _passphrase_in_force if what == "passphrase" else _number
    state, ends = 0, {"old": 0, "new": 0}
    with _started(f"CHANGES = {_CHANGES_FOR_EVER!r}\n{_FORKS}", path, what, 0) as forker:
        for _kill in range(KILLS):
            _tell(forker, str(state))
            child = 0
            begun = done = state
            stop_after = rng.randrange(1, 4)
            while begun < state + stop_after or not child:
                begun, done, child = _progress(_line(forker), begun, done, child)
            time.sleep(rng.random() * 0.006)  # nothing waits for this: it spreads the kills
            os.kill(child, signal.SIGKILL)
            while (line := _line(forker)) != "dead":
                begun, done, child = _progress(line, begun, done, child)
            state = find(path, range(done, begun + 1))
            if begun > done:
                ends["new" if state == begun else "old"] += 1
    assert ends["old"] > 0
    assert ends["new"] > 0


def _progress(line: str, begun: int, done: int, child: int) -> tuple[int, int, int]:
    word, _, number = line.partition(" ")
    match word:
        case "begun":
            begun = int(number)
        case "done":
            done = int(number)
        case "child":
            child = int(number)
        case _:
            raise AssertionError(line)
    return begun, done, child


def _number(path: Path, possible: range) -> int:
    vault = Vault(path, None, SMALL)
    vault.open(PASSPHRASE)
    entries = vault.entries()
    assert vault.problem is None
    assert entries["other"] == SECRET
    assert int(entries["number"]) in possible
    return int(entries["number"])


def _passphrase_in_force(path: Path, possible: range) -> int:
    def opens(number: int) -> bool:
        vault = Vault(path, None, SMALL)
        try:
            vault.open(f"{PASSPHRASE} {number}")
        except VaultError as error:
            if error.code != "VAULT-01":
                raise
            return False
        assert vault.entries()["other"] == SECRET
        return True

    found = [number for number in possible if opens(number)]
    assert len(found) == 1
    return found[0]


def _started(script: str, path: Path, what: str, number: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER + script, str(path), what, str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def _tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the process has ended"
    return line.strip()
