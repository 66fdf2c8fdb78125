"""The program cloudflared: found, or fetched and checked."""

from __future__ import annotations

import asyncio
import hashlib
import io
import shutil
import sys
import tarfile
from collections import namedtuple
from pathlib import Path

import pytest
from aiohttp import web

from desktop_voice.core.errors import PhoneError
from desktop_voice.tunnel.cloudflared import Cloudflared
from desktop_voice.tunnel.cloudflared_binary import BinarySource, CloudflaredBinary
from desktop_voice.tunnel.cloudflared_release import ReleaseFile
from desktop_voice.tunnel.way import PublicWay
from tests.helpers.tunnel_downloads import HOST, Handler, downloads
from tests.helpers.tunnel_lab import BRISK, write_program

PROGRAM = b"".join(hashlib.sha256(bytes([i % 251, i // 251])).digest() for i in range(31_250))
FILE = ReleaseFile("cloudflared-linux-amd64", len(PROGRAM), hashlib.sha256(PROGRAM).hexdigest())
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")


@pytest.fixture(autouse=True)
def nothing_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def binary(cache: Path, way: PublicWay, file: ReleaseFile | None = FILE) -> CloudflaredBinary:
    source = BinarySource(f"https://{HOST}/releases/", file, stall_s=1.0)
    return CloudflaredBinary(cache, way, source=source)


def serving(body: bytes) -> Handler:
    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=body)

    return serve


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []


async def refusal(cache: Path, folder: Path, handler: Handler) -> PhoneError:
    async with downloads(folder, handler) as server:
        with pytest.raises(PhoneError) as caught:
            await binary(cache, server.way).fetch(lambda _done, _total: None)
    assert files_in(cache) == []
    return caught.value


async def test_it_comes_whole_with_its_progress_and_is_found_again(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    cache = tmp_path / "cache" / "tunnel"
    async with downloads(tmp_path, serving(PROGRAM)) as server:
        wanted = binary(cache, server.way)
        assert wanted.find() is None
        path = await wanted.fetch(lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == PROGRAM
    assert path.stat().st_mode & 0o777 == 0o700
    assert list(cache.iterdir()) == [path]
    assert wanted.find() == path
    assert seen[0] == (0, len(PROGRAM))
    assert seen[-1] == (len(PROGRAM), len(PROGRAM))
    assert seen == sorted(seen)


async def test_a_redirect_to_another_host_with_https_is_followed(tmp_path: Path) -> None:
    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        if request.host == HOST:
            raise web.HTTPFound("https://mirror.example.net/object?signature=x")
        return web.Response(body=PROGRAM)

    async with downloads(tmp_path, serve) as server:
        path = await binary(tmp_path / "cache", server.way).fetch(lambda _done, _total: None)
    assert path.read_bytes() == PROGRAM


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://mirror.example.net/x", "without encryption"),
        ("ftp://mirror.example.net/x", "without encryption"),
        (f"https://{HOST}/again", "circles"),
        ("", "answers 302"),
    ],
)
async def test_other_redirects_are_refused(location: str, words: str, tmp_path: Path) -> None:
    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": location} if location else {})

    problem = await refusal(tmp_path / "cache", tmp_path, serve)
    assert problem.code == "TUNNEL-03"
    assert words in problem.what
    assert not problem.retryable


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (PROGRAM[:-1], "size"),
        (PROGRAM + b"x", "size"),
        (PROGRAM[:-1] + bytes([PROGRAM[-1] ^ 1]), "content"),
        (b"<html>log in to this network</html>", "size"),
    ],
)
async def test_a_file_that_is_not_the_published_one_is_refused(
    body: bytes, words: str, tmp_path: Path
) -> None:
    problem = await refusal(tmp_path / "cache", tmp_path, serving(body))
    assert problem.code == "TUNNEL-04"
    assert words in problem.what


@pytest.mark.parametrize("length", [len(PROGRAM) - 5, len(PROGRAM) + 5])
async def test_a_length_that_is_not_told_is_counted(length: int, tmp_path: Path) -> None:
    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        try:
            await response.write((PROGRAM + b"12345")[:length])
        except ConnectionError:
            return response
        return response

    problem = await refusal(tmp_path / "cache", tmp_path, serve)
    assert problem.code == "TUNNEL-04"


async def test_a_connection_that_breaks_is_a_cut_file(tmp_path: Path) -> None:
    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(PROGRAM))})
        await response.prepare(request)
        await response.write(PROGRAM[:300_000])
        assert request.transport is not None
        request.transport.close()
        return response

    problem = await refusal(tmp_path / "cache", tmp_path, serve)
    assert problem.code == "TUNNEL-04"
    assert "cut" in problem.what


async def test_what_is_not_there_is_said_with_its_status(tmp_path: Path) -> None:
    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        raise web.HTTPNotFound

    problem = await refusal(tmp_path / "cache", tmp_path, serve)
    assert problem.code == "TUNNEL-03"
    assert "404" in problem.what


async def test_a_server_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(PROGRAM))})
        await response.prepare(request)
        await response.write(PROGRAM[:300_000])
        await server.done.wait()
        return response

    cache = tmp_path / "cache"
    async with downloads(tmp_path, serve) as server:
        with pytest.raises(PhoneError) as caught:
            await binary(cache, server.way).fetch(lambda _done, _total: None)
    assert caught.value.code == "TUNNEL-03"
    assert caught.value.retryable
    assert files_in(cache) == []


async def test_a_server_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async with downloads(tmp_path, serving(PROGRAM)) as server:
        way = PublicWay(edge=server.way.edge)
        with pytest.raises(PhoneError) as caught:
            await binary(tmp_path / "cache", way).fetch(lambda _done, _total: None)
    assert caught.value.code == "TUNNEL-03"
    assert "certificate" in caught.value.what


async def test_nobody_there_is_a_matter_of_the_network(tmp_path: Path) -> None:
    way = PublicWay(edge=("127.0.0.1", 1))
    with pytest.raises(PhoneError) as caught:
        await binary(tmp_path / "cache", way).fetch(lambda _done, _total: None)
    assert (caught.value.code, caught.value.retryable) == ("TUNNEL-03", True)


async def test_a_cancelled_download_leaves_nothing(tmp_path: Path) -> None:
    half = asyncio.Event()

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(PROGRAM))})
        await response.prepare(request)
        await response.write(PROGRAM[:600_000])
        await server.done.wait()
        return response

    cache = tmp_path / "cache"
    async with downloads(tmp_path, serve) as server:
        fetching = asyncio.create_task(
            binary(cache, server.way).fetch(lambda done, _total: half.set() if done else None)
        )
        await half.wait()
        assert len(list(cache.iterdir())) == 1
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
    assert files_in(cache) == []


async def test_a_disk_without_room_is_known_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**9, 10**9 - 10**6, 10**6))
    problem = await refusal(tmp_path / "cache", tmp_path, serving(PROGRAM))
    assert problem.code == "TUNNEL-05"
    assert "space" in problem.what


async def test_a_disk_that_fills_up_meanwhile_says_so(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        problem = await refusal(tmp_path / "cache", tmp_path, serving(PROGRAM))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert problem.code == "TUNNEL-05"


async def test_a_copy_that_was_changed_is_never_run(tmp_path: Path) -> None:
    async with downloads(tmp_path, serving(PROGRAM)) as server:
        wanted = binary(tmp_path / "cache", server.way)
        path = await wanted.fetch(lambda _done, _total: None)
        path.write_bytes(PROGRAM[:-1] + b"!")
        with pytest.raises(PhoneError) as caught:
            await Cloudflared(wanted, tmp_path, pace=BRISK).start("http://127.0.0.1:1")
        assert caught.value.code == "TUNNEL-04"
        assert not caught.value.retryable
        await wanted.fetch(lambda _done, _total: None)
    assert wanted.find() == path


def archive(name: str, content: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type = kind
        member.size = len(content) if kind == tarfile.REGTYPE else 0
        member.linkname = "/etc/passwd"
        tar.addfile(member, io.BytesIO(content))
    return sink.getvalue()


def packed(data: bytes) -> ReleaseFile:
    inner = hashlib.sha256(PROGRAM).hexdigest()
    return ReleaseFile("cloudflared.tgz", len(data), hashlib.sha256(data).hexdigest(), inner)


async def test_an_archive_gives_its_program(tmp_path: Path) -> None:
    data = archive("cloudflared", PROGRAM)
    async with downloads(tmp_path, serving(data)) as server:
        wanted = binary(tmp_path / "cache", server.way, packed(data))
        path = await wanted.fetch(lambda _done, _total: None)
    assert path.read_bytes() == PROGRAM
    assert path.stat().st_mode & 0o777 == 0o700
    assert wanted.find() == path
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "data",
    [
        archive("cloudflared", PROGRAM[:-1] + b"!"),
        archive("../cloudflared", PROGRAM),
        archive("cloudflared", b"", tarfile.SYMTYPE),
        archive("cloudflared", PROGRAM)[:-400],
        b"no archive",
    ],
)
async def test_an_archive_with_anything_else_is_refused(data: bytes, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    async with downloads(tmp_path, serving(data)) as server:
        with pytest.raises(PhoneError) as caught:
            await binary(cache, server.way, packed(data)).fetch(lambda _done, _total: None)
    assert caught.value.code == "TUNNEL-04"
    assert files_in(cache) == []
    assert not (tmp_path / "cloudflared").exists()


def test_given_programs_win_over_the_path_and_that_over_the_own_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = write_program(tmp_path / "given", "cloudflared")
    on_path = write_program(tmp_path / "path", "cloudflared")
    cache = tmp_path / "cache"
    cache.mkdir()
    source = BinarySource(file=FILE)
    wanted = CloudflaredBinary(cache, PublicWay(), programs=tmp_path / "given", source=source)
    wanted.path.write_bytes(PROGRAM)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert wanted.find() == given
    given.unlink()
    assert wanted.find() == on_path
    on_path.unlink()
    assert wanted.find() == wanted.path


async def test_a_machine_without_a_download_is_told_to_install_it(tmp_path: Path) -> None:
    tunnel = Cloudflared(
        CloudflaredBinary(tmp_path, PublicWay(), source=BinarySource()), tmp_path, may_fetch=True
    )
    with pytest.raises(PhoneError) as caught:
        await tunnel.start("http://127.0.0.1:1")
    assert caught.value.code == "TUNNEL-02"


async def test_a_missing_program_is_fetched_where_that_is_allowed_and_then_run(
    tmp_path: Path,
) -> None:
    program = write_program(tmp_path / "source", "cloudflared").read_bytes()
    file = ReleaseFile("cloudflared", len(program), hashlib.sha256(program).hexdigest())
    seen: list[int] = []
    async with downloads(tmp_path, serving(program)) as server:
        tunnel = Cloudflared(
            binary(tmp_path / "cache", server.way, file),
            tmp_path / "cache",
            may_fetch=True,
            on_progress=lambda done, _total: seen.append(done),
            pace=BRISK,
        )
        base = await tunnel.start("http://127.0.0.1:1")
    assert base.endswith(".trycloudflare.com")
    assert seen[-1] == len(program)
    await tunnel.stop()
