"""A call on a media stream: the desk's turn engine with the phone as its microphone and speaker."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from desktop_voice.agent.reply import Action, EndCall
from desktop_voice.core import events as ev
from desktop_voice.core.calls import CallMode, EndReason
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.states import Trigger
from desktop_voice.dialogue.cascading import CascadingPipeline
from desktop_voice.dialogue.lines.media_socket import MediaSocket
from desktop_voice.dialogue.lines.phone import PhoneLine
from desktop_voice.dialogue.liveness import Liveness
from desktop_voice.telephony import phrases
from desktop_voice.telephony.addresses import stream_url
from desktop_voice.telephony.carriers.carrier import CarrierEvent, CarrierEventKind
from desktop_voice.telephony.failures import as_error
from desktop_voice.telephony.session import Surroundings
from desktop_voice.telephony.steps import ConnectStream, Redirect, Step
from desktop_voice.telephony.tasks import happens
from desktop_voice.telephony.tickets import Tickets
from desktop_voice.telephony.turn_engine import TurnEngines

_log = structlog.get_logger()

CONNECT_S = 3.0
_MOST_STREAMS = 3
_GRACE_S = 1.0
_WATCH_EVERY_S = 0.2
_STALLED_S = 2.0
"""Nothing comes for so long: what we say does not arrive either."""
_SILENT_S = 8.0
_MOST_SILENCES = 3
_GOODBYE_S = 20.0
_BEEP_EVERY_S = 0.2


class StreamSession:
    """Connects the call's media stream and talks on it; used on the media loop."""

    def __init__(self, around: Surroundings, tickets: Tickets, engines: TurnEngines) -> None:
        self._around = around
        self._handle = around.handle
        self._tickets = tickets
        self._engines = engines
        self._progress = around.progress
        self._streams = 0
        self._connected = asyncio.Event()
        self._socket: MediaSocket | None = None
        self._pipeline: CascadingPipeline | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    # --- the carrier's side ---

    async def begin(self) -> Sequence[Step]:
        """Return the steps that connect the stream."""
        call = self._handle.call
        self._streams += 1
        self._connected.clear()
        ticket = self._tickets.issue(call.id, call.carrier)
        url = stream_url(self._around.base, ticket, self._around.settings.server.stream_path)
        self._spawn(self._watch_connection(self._streams))
        return [
            ConnectStream(url, ticket, self._around.url("stream")),
            Redirect(self._around.url("after_stream")),
        ]

    async def on_event(self, event: CarrierEvent) -> Sequence[Step]:
        """Return what the carrier is to do next."""
        # The socket's own end is authoritative; it may be noticed a moment later.
        if event.kind is CarrierEventKind.CONTINUE and self._socket is None:
            return await self._again("the stream ended")
        return []

    async def _again(self, why: str) -> Sequence[Step]:
        if self._closed:
            return []
        if self._streams >= _MOST_STREAMS:
            self._fall_back(why)
            return []
        _log.warning("media stream lost", call=self._handle.call.id, streams=self._streams)
        return await self.begin()

    async def _watch_connection(self, stream: int) -> None:
        if not await happens(self._connected, CONNECT_S) and stream == self._streams:
            self._fall_back("the media stream did not connect")

    def _fall_back(self, why: str) -> None:
        if not self._closed:
            self._keep_unsaid()
            self._handle.fall_back(why)

    def _keep_unsaid(self) -> None:
        """Leave what was asked for and is not said yet to whoever talks next."""
        if self._pipeline is not None:
            self._progress.to_say += self._pipeline.to_announce
            self._pipeline.to_announce.clear()

    @property
    def _is_notify(self) -> bool:
        return self._handle.call.mode is CallMode.NOTIFY

    # --- the conversation ---

    async def run(self, socket: MediaSocket) -> None:
        """Talk on an open stream until it ends."""
        self._connected.set()
        if self._closed:
            await socket.close()
            return
        line = PhoneLine(socket, self._handle.call.id)
        try:
            pipeline = await self._engines.make(line, self._around, self)
        except Exception as error:  # noqa: BLE001 - the caller must not be left in silence
            self._fail(error, "this machine cannot hear or speak at the moment")
            await line.close()
            return
        if self._closed:
            await pipeline.close()
            await line.close()
            return
        self._socket = socket
        self._pipeline = pipeline
        parts = [
            asyncio.create_task(part)
            for part in (
                self._watch(line, pipeline),
                self._talk(pipeline),
                self._take_digits(line, pipeline),
            )
        ]
        for part in parts:
            part.add_done_callback(self._on_part_done)
        try:
            async for frame in line.frames():
                await pipeline.push(frame)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error, "the sound could not be taken in")
        finally:
            self._keep_unsaid()
            self._pipeline = None
            self._socket = None
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            await pipeline.close()
            await line.close()
        if not self._closed and not self._handle.carrier.takes_documents:
            # Nobody comes for the next steps of a document.
            self._spawn(self._come_back())

    def _on_part_done(self, part: asyncio.Task[None]) -> None:
        error = None if part.cancelled() else part.exception()
        if isinstance(error, Exception):
            self._fail(error, "something failed on the media stream")

    def _fail(self, error: Exception, why: str) -> None:
        self._around.bus.publish(ev.ErrorRaised.of(as_error(error)))
        self._fall_back(why)

    async def _come_back(self) -> None:
        await asyncio.sleep(_GRACE_S)
        steps = await self._again("the stream ended")
        if steps:
            await self._handle.perform(steps)

    async def speak(self, text: str, *, at_once: bool = False) -> None:
        """Say ``text`` as soon as nobody is cut off by it, or even if somebody is."""
        if self._pipeline is None or self._is_notify:
            self._progress.to_say.append(text)
        elif at_once:
            self._pipeline.announce(text, is_protected=True, is_turn=True)
        else:
            self._pipeline.to_announce.append(text)

    async def close(self) -> None:
        """The call is over, or another session takes it."""
        self._closed = True
        self._tickets.void(self._handle.call.id)
        if self._pipeline is not None:
            # An engine that hangs must not keep it talking.
            await self._pipeline.close()
        if self._socket is not None:
            await self._socket.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _talk(self, pipeline: CascadingPipeline) -> None:
        """Say the first words, then go on as the mode wants it."""
        try:
            if self._is_notify:
                await self._notify(pipeline)
                return
            if self._progress.has_greeted:
                pipeline.announce(phrases.TROUBLE)
            else:
                self._progress.has_greeted = await self._say(pipeline, self._around.opening)
            pipeline.to_announce.extend(self._progress.to_say)
            self._progress.to_say.clear()
        except DesktopVoiceError as error:
            self._fail(error, "the greeting could not be spoken")

    async def _notify(self, pipeline: CascadingPipeline) -> None:
        """Deliver the message, and what else somebody wants said, then hang up.

        It returns as well where the voice fails or the stream ends, which is seen to elsewhere.
        """
        loop = asyncio.get_running_loop()
        delivery, to_say = self._progress.delivery, self._progress.to_say
        delivered_s = said_s = loop.time()
        while True:
            waited_s, quiet_s = loop.time() - delivered_s, loop.time() - said_s
            step = delivery.next(waited_s)
            if step == "speak":
                is_first = not delivery.spoken_times
                if not await self._say(pipeline, self._around.opening, is_turn=is_first):
                    return
                delivery.spoken()
                delivered_s = said_s = loop.time()
            elif step == "hang_up" and to_say:
                # Not before: a machine that plays its greeting records nothing of it.
                if not await self._say(pipeline, to_say[0]):
                    return
                del to_say[0]
                said_s = loop.time()
            elif step == "wait" or quiet_s < self._around.settings.limits.notify_hangup_delay_s:
                await asyncio.sleep(_BEEP_EVERY_S)
            else:
                self._handle.end(EndReason.MESSAGE_DELIVERED)
                return

    async def _say(self, pipeline: CascadingPipeline, text: str, *, is_turn: bool = True) -> bool:
        """Say ``text`` whatever the far end does; return whether all of it was played."""
        pipeline.announce(text, is_protected=True, is_turn=is_turn)
        return await pipeline.wait_played(self._handle.call.hard_limit_s)

    async def _watch(self, line: PhoneLine, pipeline: CascadingPipeline) -> None:
        """Notice a dead stream, silence although it is our turn, and that nobody is there."""
        liveness = Liveness()
        silences = 0
        was_stalled = False
        quiet_since_s = line.now()
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            # Twice, because after a pause of our own the packets may still be waiting.
            is_stalled = line.unheard_s > _STALLED_S
            if is_stalled and was_stalled:
                self._fall_back("the media stream stalled")
                return
            was_stalled = is_stalled
            silent_s = liveness.update(line.now(), pipeline.is_owed_sound, pipeline.last_sound_s)
            if silent_s is not None:
                self._fall_back("no sound came although a reply was due")
                return
            if self._is_notify or not pipeline.is_quiet:
                quiet_since_s = line.now()
                if pipeline.in_utterance:
                    silences = 0
                continue
            if line.now() - quiet_since_s < _SILENT_S:
                continue
            quiet_since_s = line.now()
            silences += 1
            if silences >= _MOST_SILENCES:
                pipeline.announce(phrases.GOODBYE_SILENCE, is_turn=True)
                await pipeline.wait_played(_GOODBYE_S)
                self._handle.end(EndReason.SILENT_CALLER)
                return
            pipeline.announce(phrases.STILL_THERE, is_turn=True)

    async def _take_digits(self, line: PhoneLine, pipeline: CascadingPipeline) -> None:
        async for digit in line.digits():
            if not self._is_notify:
                pipeline.on_digits(digit)

    def on_trigger(self, trigger: Trigger) -> None:
        """A turn is over: listen for the next one."""
        pipeline = self._pipeline
        if pipeline is None:
            return
        if trigger in (Trigger.NOTHING_SAID, Trigger.REPLY_ENDED, Trigger.STOPPED):
            pipeline.listen()

    def on_action(self, action: Action) -> None:
        """The reply wants something done."""
        if isinstance(action, EndCall):
            self._handle.end(EndReason.WE_HUNG_UP)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
