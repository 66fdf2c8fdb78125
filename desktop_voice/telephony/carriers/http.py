"""HTTP: requests to a carrier's REST interface, each with a deadline, none repeated blindly."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode, urlsplit

import aiohttp
import structlog
from yarl import URL

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers import errors

Json = Mapping[str, object]
Pairs = Sequence[tuple[str, str]]
Diagnose = Callable[[int, Json], PhoneError]
"""Turns a refusal (status, body) into an error with advice; 429 and 5xx are dealt with here."""

_DEADLINE_S = 10.0
_CONNECT_S = 5.0
_ATTEMPTS = 4
_LONGEST_WAIT_S = 15.0
_LARGEST_ANSWER = 2**21
_log = structlog.get_logger()
_random = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        body: The JSON object; empty if there is none.
        date: The carrier's own time.
        clock_offset_s: By how much this machine's clock is ahead of it, the request's way there
            and back taken into account; within a second, since that is what ``date`` counts in.
    """

    status: int
    body: Json = field(repr=False)
    date: datetime | None = None
    clock_offset_s: float | None = None


class CarrierHttp:
    """One carrier's REST interface. Used on the media loop; opens its session when first used.

    Args:
        base_url: Scheme, host and the path that all requests share, without a closing slash.
        headers: Sent with each request; holds the credentials, which are never logged or raised.
        diagnose: Explains a refusal.
        clock: This machine's.
        deadline_s: The longest that one attempt may take, all in all.
        sleep: Waits between attempts.

    Raises:
        ValueError: ``base_url`` is neither ``https://`` nor on this machine.
    """

    def __init__(
        self,
        carrier: CarrierName,
        base_url: str,
        headers: Mapping[str, str],
        diagnose: Diagnose,
        *,
        clock: Clock,
        deadline_s: float = _DEADLINE_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        parts = urlsplit(base_url)
        is_local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
        if parts.scheme != "https" and not is_local:
            raise ValueError("a carrier is spoken to over https only")
        self._carrier = carrier
        self._base_url = base_url.rstrip("/")
        self._headers = {"Accept": "application/json", **headers}
        self._diagnose = diagnose
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(
            total=deadline_s, sock_connect=min(_CONNECT_S, deadline_s)
        )
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    async def get(self, path: str, query: Pairs = (), *, accept: Sequence[int] = ()) -> Answer:
        """Fetch; repeated after a fault. See :meth:`request`."""
        return await self.request("GET", path, query=query, accept=accept, is_repeatable=True)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Pairs = (),
        form: Pairs | None = None,
        body: Json | None = None,
        accept: Sequence[int] = (),
        is_repeatable: bool = False,
    ) -> Answer:
        """Send one request; ``path`` follows the base URL and is already percent-encoded.

        ``form`` is sent URL-encoded, a repeated name repeatedly; ``body`` is sent as JSON.
        ``accept`` names statuses from 400 on that are an answer, not an error. With
        ``is_repeatable`` the request is sent again after a fault, a 429 or a 5xx: never to be set
        for what creates a call, unless the carrier knows a repetition for what it is.

        Raises:
            UncertainError: The request may have been carried out, nobody knows.
            PhoneError: It was not.
        """
        uncertain: errors.UncertainError | None = None
        for attempt in range(_ATTEMPTS):
            try:
                answer, retry_after_s = await self._attempt(method, path, query, form, body)
                if answer.status < 300 or answer.status in accept:
                    return answer
                problem = self._problem(answer)
            except PhoneError as error:
                problem, retry_after_s = error, None
            if isinstance(problem, errors.UncertainError) and method != "GET":
                uncertain = problem
            wait_s = self._wait_s(attempt, retry_after_s)
            is_last = attempt == _ATTEMPTS - 1 or wait_s > _LONGEST_WAIT_S
            _log.info(
                "carrier_request_failed",
                carrier=str(self._carrier),
                method=method,
                code=problem.code,
                attempt=attempt + 1,
                is_repeated=is_repeatable and problem.retryable and not is_last,
            )
            if not is_repeatable or not problem.retryable or is_last:
                # A later refusal does not tell what became of an attempt whose answer was lost.
                raise (uncertain or problem) from None
            await self._sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Give back the connections; may be called twice."""
        self._is_closed = True
        if self._session is not None:
            await self._session.close()

    async def _attempt(
        self, method: str, path: str, query: Pairs, form: Pairs | None, body: Json | None
    ) -> tuple[Answer, float | None]:
        headers = dict(self._headers)
        data: bytes | None = None
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            data = urlencode(form).encode()
        elif body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        url = f"{self._base_url}{path}" + (f"?{urlencode(query)}" if query else "")
        asked_s = self._clock.monotonic()
        try:
            async with (
                self._connection() as session,
                session.request(
                    method,
                    URL(url, encoded=True),
                    data=data,
                    headers=headers,
                    allow_redirects=False,
                ) as response,
            ):
                now, took_s = self._clock.now(), self._clock.monotonic() - asked_s
                raw = await _read(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise errors.unreachable(self._carrier) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            raise errors.no_answer(self._carrier) from None
        content = _json(raw)
        if content is None and response.status < 300:
            raise errors.no_answer(self._carrier) from None
        date = _date(response.headers.get("Date", ""))
        offset_s = None if date is None else (now - date).total_seconds() - took_s / 2
        answer = Answer(response.status, content or {}, date, offset_s)
        after = response.headers.get("Retry-After", "")
        if not after and response.status == 429:
            after = response.headers.get("X-RateLimit-Reset", "")
        return answer, _retry_after_s(after, answer.date)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Yield the session; what is still under way once it is closed gets one of its own."""
        if self._is_closed:
            async with self._new_session() as session:
                yield session
            return
        if self._session is None:
            self._session = self._new_session()
        yield self._session

    def _new_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar())

    def _problem(self, answer: Answer) -> PhoneError:
        if answer.status == 429:
            return errors.too_many_requests(self._carrier)
        if answer.status >= 500:
            return errors.carrier_failed(self._carrier, answer.status)
        return self._diagnose(answer.status, answer.body)

    @staticmethod
    def _wait_s(attempt: int, retry_after_s: float | None) -> float:
        jitter = _random.uniform(0.5, 1.0)
        if retry_after_s is None:
            return 0.5 * float(2**attempt) * jitter
        return retry_after_s + jitter


async def _read(response: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        raw += chunk
        if len(raw) > _LARGEST_ANSWER:
            raise ValueError("the answer is too long")
    return bytes(raw)


def _json(raw: bytes) -> Json | None:
    if not raw.strip():
        return {}
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _date(text: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return when if when.tzinfo is not None else None


def _retry_after_s(text: str, now: datetime | None) -> float | None:
    """Return the seconds that ``Retry-After`` asks for: a number, or a date (RFC 9110)."""
    if text.isascii() and text.isdigit():
        return float(text[:6])
    until = _date(text)
    if until is None or now is None:
        return None
    return max(0.0, (until - now).total_seconds())
