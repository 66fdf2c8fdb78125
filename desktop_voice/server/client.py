"""The local API's client: how commands talk to the running app."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from desktop_voice.core.calls import CallMode
from desktop_voice.core.errors import CommandError, DesktopVoiceError, PhoneError
from desktop_voice.server.local_address import HELLO_PATH, LocalAddress
from desktop_voice.server.local_json import Json
from desktop_voice.server.strict_json import read_object

_TIMEOUT_S = 30.0
_TRANSCRIBE_S = 300.0
_POLL_S = 0.3
_MOST_BYTES = 64 * 1024 * 1024
_HELLO_BYTES = 4096


class LocalApiClient:
    """Asks the running app; blocks, so it belongs to commands and not to an event loop.

    All methods raise:
        CommandError: No app runs (``LOCAL-01``), or it did not understand (``LOCAL-02`` to -04).
        PhoneError: What the app said of the call.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._address: LocalAddress | None = None

    def status(self) -> Json:
        """Return how the voice part is."""
        return self._ask("GET", "status")

    def health(self) -> list[Json]:
        """Return how each carrier's account is."""
        return list(self._ask("GET", "telephony/health")["carriers"])

    def set_up(self, wish: Json) -> None:
        """Begin to make the number work; :meth:`reach` tells how it goes."""
        self._ask("POST", "setup", wish)

    def check_reach(self) -> None:
        """Begin to look at every hop; :meth:`reach` tells how it goes."""
        self._ask("POST", "reach/check")

    def reach(self) -> Json:
        """Return how callers get through; ``is_busy`` while a set-up or a look is under way."""
        return self._ask("GET", "reach")

    def follow_reach(self, longest_s: float) -> Iterator[Json]:
        """Yield what :meth:`reach` returns, again and again until nothing is under way any more.

        Raises:
            CommandError: It takes longer than ``longest_s`` (``SETUP-03``), or what
                :class:`LocalApiClient` says.
        """
        deadline_s = time.monotonic() + longest_s
        while time.monotonic() < deadline_s:
            reach = self.reach()
            yield reach
            if not reach["is_busy"]:
                return
            # The app answers requests and sends no news; a command has nothing else to do.
            time.sleep(_POLL_S)
        raise CommandError(
            "SETUP-03", "The set-up does not come to an end.", "See the window, and the log."
        )

    def calls(self) -> list[Json]:
        """Return the live calls."""
        return list(self._ask("GET", "calls")["calls"])

    def request_call(
        self,
        number: str,
        mode: CallMode,
        message: str,
        *,
        at_night: bool = False,
        approve_at: str = "window",
    ) -> Json:
        """Have an order made and checked; return its approval, to be shown before it is given.

        Args:
            number: Whom to call.
            mode: Notify or conversation.
            message: The first words.
            at_night: Whether to pass over the quiet hours.
            approve_at: ``terminal`` if :meth:`settle_approval` shall be able to give it; else only
                the window can.
        """
        wish = {
            "number": number,
            "mode": mode,
            "message": message,
            "at_night": at_night,
            "approve_at": approve_at,
        }
        return dict(self._ask("POST", "calls", wish)["approval"])

    def preview(self, approval_id: str) -> Json:
        """Return an approval that waits for the terminal."""
        return dict(self._ask("GET", f"approvals/{quote(approval_id, safe='')}")["approval"])

    def settle_approval(self, approval_id: str, approved: bool, sha256: str) -> Json | None:
        """Give or deny an approval, after the order with this digest was shown; return the call."""
        path = f"approvals/{quote(approval_id, safe='')}"
        call = self._ask("POST", path, {"approved": approved, "sha256": sha256})["call"]
        return dict(call) if call else None

    def hang_up(self, call_id: str) -> None:
        """End a call."""
        self._ask("DELETE", f"calls/{quote(call_id, safe='')}")

    def hang_up_all(self) -> list[str]:
        """End every live call; return their ids."""
        return list(self._ask("DELETE", "calls")["hung_up"])

    def extend(self, call_id: str) -> int:
        """Give a call up to five more minutes; return how many seconds were won."""
        path = f"calls/{quote(call_id, safe='')}/extend"
        return int(self._ask("POST", path, {})["won_s"])

    def transcript(self, call_id: str) -> list[Json]:
        """Return what was said on a call."""
        return list(self._ask("GET", f"calls/{quote(call_id, safe='')}/transcript")["lines"])

    def history(self, words: str = "", limit: int = 50, before: str = "") -> list[Json]:
        """Return calls, newest first, whose number or transcript has ``words``."""
        query = urlencode({"words": words, "limit": limit, "before": before})
        return list(self._ask("GET", f"history?{query}")["calls"])

    def callers(self) -> Json:
        """Return who ``waiting`` is for a code or a yes, and who was let in: ``paired``."""
        return self._ask("GET", "callers")

    def settle_caller(self, call_id: str, let_in: bool) -> None:
        """Let a caller in who gave the right code, or send one away."""
        self._ask("POST", f"callers/{quote(call_id, safe='')}", {"let_in": let_in})

    def remove_caller(self, number: str) -> None:
        """Let ``number`` (E.164) in no more without a code."""
        self._ask("DELETE", f"callers/{quote(number, safe='')}")

    def transcribe(self, wav: bytes) -> str:
        """Return what is said in a WAV file of at most 16 MB."""
        body = {"audio": base64.b64encode(wav).decode()}
        return str(self._ask("POST", "transcribe", body, _TRANSCRIBE_S)["text"])

    def _ask(
        self, method: str, path: str, body: Json | None = None, timeout_s: float = _TIMEOUT_S
    ) -> dict[str, Any]:
        if self._address is None:
            self._address = self._find()
        headers = {"Authorization": f"Bearer {self._address.token}"}
        data = None if body is None else json.dumps(body).encode()
        status, text = _send(
            self._address, method, f"/api/voice/{path}", headers, data, timeout_s, _MOST_BYTES
        )
        try:
            answer: Json = json.loads(text)
        except ValueError:
            answer = {}
        if status < 300 and answer:
            return answer
        raise _error(answer)

    def _find(self) -> LocalAddress:
        """Return the running app's address, once it has proven to be the one of the file."""
        address = LocalAddress.load(self._file)
        if address is None:
            raise _not_running()
        nonce = secrets.token_hex(16)
        path = f"{HELLO_PATH}?nonce={nonce}"
        _, text = _send(address, "GET", path, {}, None, _TIMEOUT_S, _HELLO_BYTES)
        try:
            proof = str(read_object(text, _HELLO_BYTES).get("proof", ""))
        except ValueError:
            raise _not_running() from None
        if not hmac.compare_digest(proof.encode(), address.proof(nonce).encode()):
            raise _not_running()
        return address


def _send(
    address: LocalAddress,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes | None,
    timeout_s: float,
    most_bytes: int,
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=timeout_s)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read(most_bytes)
    except (OSError, http.client.HTTPException):
        raise _not_running() from None
    finally:
        connection.close()


def _error(answer: Json) -> DesktopVoiceError:
    match answer.get("error"):
        case {"code": str(code), "what": str(what), "do": str(do), "retryable": bool(retryable)}:
            is_ours = code.startswith(("LOCAL-", "CLI-"))
            kind = CommandError if is_ours else PhoneError
            return kind(code, what, do, retryable=retryable)
    return CommandError(
        "LOCAL-04",
        "The running app gave an answer that makes no sense here.",
        "Restart Desktop Voice; it may be of another version.",
        retryable=True,
    )


def _not_running() -> CommandError:
    return CommandError(
        "LOCAL-01",
        "Desktop Voice is not running.",
        "Start it with “desktop-voice”, or “desktop-voice serve” without a window, and try again.",
        retryable=True,
    )
