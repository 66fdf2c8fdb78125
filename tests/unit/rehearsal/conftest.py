"""A rehearsal carrier in its process, an app that answers it, and a Twilio client."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.unit.rehearsal.fake_app import PUBLIC_BASE, FakeApp
from tests.unit.rehearsal.twilio_client import TwilioClient


@pytest.fixture
async def app() -> AsyncIterator[FakeApp]:
    async with FakeApp() as app:
        yield app


@pytest.fixture
async def rehearsal(app: FakeApp) -> AsyncIterator[RehearsalProcess]:
    async with RehearsalProcess() as rehearsal:
        await rehearsal.tunnel(PUBLIC_BASE, app.origin)
        yield rehearsal


@pytest.fixture
async def twilio(rehearsal: RehearsalProcess) -> AsyncIterator[TwilioClient]:
    async with aiohttp.ClientSession() as session:
        yield TwilioClient(rehearsal, session)
