"""A rehearsal carrier in its process, an app that answers it, a Twilio client, a public side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.unit.rehearsal.edge_lab import EdgeLab, edge_lab
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


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[EdgeLab]:
    async with edge_lab(tmp_path) as lab:
        yield lab
