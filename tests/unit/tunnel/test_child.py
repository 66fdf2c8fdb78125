"""A child process that ends with this app."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from desktop_voice.tunnel.child import CANNOT_RUN, Child, scrubbed
from desktop_voice.tunnel.leash import NOT_NOW
from tests.helpers.processes import children, command_line, is_running
from tests.helpers.tunnel_lab import eventually

ROOT = Path(__file__).parents[3]
WAYS = ["exec", "watch"] if sys.platform == "linux" else ["watch"]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


async def start(
    code: str, lines: list[str] | None = None, by: str = "exec", **environment: str
) -> Child:
    return await Child.start(
        [sys.executable, "-I", "-S", "-c", code],
        environment={**os.environ, **environment},
        on_line=(lines if lines is not None else []).append,
        by=by,
    )


@pytest.mark.parametrize("by", WAYS)
async def test_output_and_errors_arrive_line_by_line(by: str) -> None:
    lines: list[str] = []
    code = "import sys; print('one', flush=True); sys.stderr.write('two\\r\\nthree')"
    child = await start(code, lines, by)
    assert await child.wait() == 0
    assert lines == ["one", "two", "three"]
    assert children() == set()


async def test_a_flood_without_line_ends_is_read_and_cut() -> None:
    lines: list[str] = []
    code = "import sys; sys.stdout.write('x' * 3_000_000); sys.stdout.write('\\nlast\\n')"
    child = await start(code, lines)
    assert await child.wait() == 0
    assert lines[-1] == "last"
    assert max(len(line) for line in lines) <= 8192


@pytest.mark.parametrize("by", WAYS)
async def test_its_exit_status_is_known(by: str) -> None:
    child = await start("raise SystemExit(3)", by=by)
    assert await child.wait() == 3
    assert not child.is_running


@pytest.mark.parametrize("by", WAYS)
async def test_a_program_that_cannot_be_run_says_so(by: str, tmp_path: Path) -> None:
    lines: list[str] = []
    child = await Child.start(
        [tmp_path / "nothing"], environment=dict(os.environ), on_line=lines.append, by=by
    )
    assert await child.wait() == CANNOT_RUN
    assert lines == ["cannot run: No such file or directory"]


@pytest.mark.parametrize("by", WAYS)
async def test_what_the_system_may_do_another_time_is_told_from_that(
    by: str, tmp_path: Path
) -> None:
    # The one refusal that every system gives on demand and that says nothing of the program.
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    child = await Child.start(
        [loop], environment=dict(os.environ), on_line=lambda _line: None, by=by
    )
    assert await child.wait() == NOT_NOW


ASKED_TO_END = """
import os, signal, sys, time
def end(*_):
    os.write(1, b"ended well\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
while True:
    time.sleep(60)
"""


@pytest.mark.parametrize("by", WAYS)
async def test_it_is_asked_to_end_once(by: str) -> None:
    lines: list[str] = []
    child = await start(ASKED_TO_END, lines, by)
    await eventually(lambda: "up" in lines)
    await child.stop(20.0)
    await child.stop()
    assert lines == ["up", "ended well"]
    assert children() == set()


DEAF = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
while True:
    time.sleep(60)
"""


@pytest.mark.parametrize("by", WAYS)
async def test_one_that_does_not_listen_is_killed(by: str) -> None:
    lines: list[str] = []
    child = await start(DEAF, lines, by)
    await eventually(lambda: bool(lines))
    await child.stop(0.1)
    await eventually(lambda: not is_running(int(lines[0])))
    assert children() == set()


@pytest.mark.parametrize("by", WAYS)
async def test_stopping_that_is_cancelled_kills_at_once(by: str) -> None:
    lines: list[str] = []
    child = await start(DEAF, lines, by)
    await eventually(lambda: bool(lines))
    stopping = asyncio.create_task(child.stop(600.0))
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    await child.wait()
    await eventually(lambda: not is_running(int(lines[0])))


async def test_a_grandchild_that_keeps_the_pipe_does_not_keep_us() -> None:
    lines: list[str] = []
    code = (
        "import subprocess, sys;"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print(p.pid, flush=True)"
    )
    child = await start(code, lines)
    async with asyncio.timeout(20):
        assert await child.wait() == 0
    os.kill(int(lines[0]), signal.SIGKILL)


def test_it_works_on_a_loop_of_another_thread() -> None:
    lines: list[str] = []

    async def run() -> None:
        child = await start(ASKED_TO_END, lines)
        await eventually(lambda: "up" in lines)
        await child.stop()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert lines == ["up", "ended well"]
    assert children() == set()


PARENT = """
import asyncio, os, sys
from desktop_voice.tunnel.child import Child

async def main():
    deaf = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);" \\
        "print(os.getpid(), flush=True); time.sleep(600)"
    await Child.start(
        [sys.executable, "-I", "-S", "-c", deaf],
        environment=dict(os.environ),
        on_line=lambda line: print(line, flush=True),
        by=sys.argv[1],
    )
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.mark.parametrize("by", WAYS)
async def test_a_parent_that_is_killed_takes_it_along(by: str) -> None:
    for _ in range(10):
        parent = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PARENT, by, cwd=ROOT, stdout=subprocess.PIPE
        )
        assert parent.stdout is not None
        pid = int(await parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
        await parent.wait()
        await eventually(lambda pid=pid: not is_running(pid), 2.0)  # type: ignore[misc]


KILLED_WHILE_STARTING = """
import asyncio, os, sys
from desktop_voice.tunnel.child import Child

async def main():
    program = "import time; time.sleep(600)"
    child = await Child.start(
        [sys.executable, "-I", "-S", "-c", program, "@" + sys.argv[1]],
        environment=dict(os.environ),
        on_line=print,
    )
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


async def test_a_parent_that_dies_while_it_starts_leaves_nothing() -> None:
    for number in range(5):
        mark = f"{os.getpid()}-{number}"
        parent = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED_WHILE_STARTING, mark, cwd=ROOT
        )
        assert await parent.wait() == -signal.SIGKILL
        await eventually(lambda mark=mark: f"@{mark}" not in all_command_lines(), 5.0)  # type: ignore[misc]


def all_command_lines() -> str:
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return "\n".join(command_line(pid) for pid in pids)


def test_nothing_of_the_users_shell_steers_it_and_no_key_reaches_it() -> None:
    environment = {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy",
        "TUNNEL_URL": "http://other",
        "tunnel_token": "x",
        "NO_AUTOUPDATE": "0",
        "NGROK_AUTHTOKEN": "x",
        "OPENAI_API_KEY": "x",
        "TWILIO_AUTH_TOKEN": "x",
    }
    assert scrubbed(environment) == {"PATH": "/bin", "HTTPS_PROXY": "http://proxy"}
