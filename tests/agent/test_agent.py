"""The agent against real files and a server of the tests' own."""

from __future__ import annotations

import gzip
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.agent.sink import Sink, sinking
from tocsin.agent.agent import Agent
from tocsin.agent.config import AgentConfig, DockerConfig, FilesConfig, JournaldConfig
from tocsin.kit.clock import SystemClock
from tocsin.kit.fault import Permanent
from tocsin.kit.quantity import Duration, Size


@pytest.fixture
def sink() -> Iterator[Sink]:
    with sinking() as sink:
        yield sink


@contextmanager
def running(config: AgentConfig, *, stdin: int | None = None) -> Iterator[Agent]:
    agent = Agent(config, SystemClock(), stdin=stdin)
    thread = threading.Thread(target=agent.run, daemon=True)
    thread.start()
    try:
        yield agent
    finally:
        agent.stop()
        thread.join(15)
        assert not thread.is_alive()


@pytest.fixture
def config(tmp_path: Path, sink: Sink) -> Callable[..., AgentConfig]:
    (tmp_path / "logs").mkdir()

    def made(*paths: str, **changes: object) -> AgentConfig:
        globs = tuple(str(tmp_path / "logs" / one) for one in paths or ("*.log",))
        given: dict[str, object] = {
            "to": sink.url,
            "state": str(tmp_path / "state"),
            "files": (FilesConfig(paths=globs),),
            "linger": Duration(0.01),
            "scan": Duration(0.02),
            "host": "h1",
            **changes,
        }
        return AgentConfig(**given)  # type: ignore[arg-type]  # the tests' own words

    return made


def write(path: Path, first: int, last: int) -> None:
    with path.open("a") as stream:
        stream.writelines(f"line {number:06d}\n" for number in range(first, last))


def lines(first: int, last: int) -> list[str]:
    return [f"line {number:06d}" for number in range(first, last)]


def test_lines_arrive_once_with_their_origin_and_are_not_sent_again_after_a_restart(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    log = tmp_path / "logs" / "shop.log"
    write(log, 0, 1000)
    with running(config()):
        assert sink.wait(1000) == lines(0, 1000)
    write(log, 1000, 1500)
    with running(config()):
        assert sink.wait(1500) == lines(0, 1500)
    origin = sink.blocks[0]["origin"]
    assert origin == {"host": "h1", "fallback_service": "shop", "source": str(log)}


def test_a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_start(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    log = tmp_path / "logs" / "a.log"
    write(log, 0, 10)
    with running(config()):
        sink.wait(10)
        held = log.open("a")
        log.rename(tmp_path / "logs" / "a.log.1")
        write(log, 20, 30)
        held.writelines(f"{one}\n" for one in lines(10, 20))  # until it is told to open the new one
        held.close()
        assert sorted(sink.wait(30)) == lines(0, 30)


def test_a_file_cut_to_nothing_is_read_on_in_its_copy(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    log = tmp_path / "logs" / "a.log"
    write(log, 0, 100)
    with running(config("a.log*")):
        sink.wait(100)
        sink.refuse = lambda _body: (503, {"Retry-After": "1"})
        write(log, 100, 200)
        shutil.copy(log, tmp_path / "logs" / "a.log.1")
        os.truncate(log, 0)
        write(log, 200, 350)  # it is longer than it was
        sink.refuse = lambda _body: None
        assert sorted(sink.wait(350)) == lines(0, 350)


@pytest.mark.parametrize("packed", [False, True], ids=["as it was", "packed"])
def test_what_was_rotated_away_while_the_agent_was_down_is_read(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig], packed: bool
) -> None:
    folder = tmp_path / "logs"
    log = folder / "a.log"
    write(log, 0, 100)
    with running(config()):
        sink.wait(100)
    write(log, 100, 200)
    log.rename(folder / "a.log.2")
    write(log, 200, 300)
    log.rename(folder / "a.log.1")
    write(log, 300, 400)
    if packed:
        for name in ("a.log.1", "a.log.2"):
            (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
            (folder / name).unlink()
    with running(config()):
        assert sorted(sink.wait(400)) == lines(0, 400)
    with running(config()):
        write(log, 400, 410)
        assert sorted(sink.wait(410)) == lines(0, 410)


def test_a_file_that_was_rotated_away_and_not_read_to_its_end_is_read_on_after_a_restart(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    folder = tmp_path / "logs"
    log = folder / "a.log"
    write(log, 0, 100)
    with running(config()) as agent:
        sink.wait(100)
        sink.refuse = lambda _body: (503, {"Retry-After": "60"})
        log.rename(folder / "a.log.1")
        write(log, 100, 200)
        until_open(agent, log)
    write(folder / "a.log.1", 200, 300)
    sink.refuse = lambda _body: None
    with running(config()):
        assert sorted(sink.wait(300)) == lines(0, 300)
    assert {block["origin"]["source"] for block in sink.blocks} == {str(log)}


def test_a_file_cut_to_nothing_and_renamed_while_the_server_is_away_loses_nothing(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    folder = tmp_path / "logs"
    log = folder / "a.log"
    write(log, 0, 10)
    with running(config()) as agent:
        sink.wait(10)
        sink.refuse = lambda _body: (503, {"Retry-After": "1"})
        write(log, 10, 200)
        with sink.arrived:
            sink.arrived.wait(5)
        shutil.copy(log, folder / "a.log.1")
        os.truncate(log, 0)
        write(log, 200, 300)
        log.rename(folder / "a.log.2")
        write(log, 300, 400)
        until_open(agent, log)
        sink.refuse = lambda _body: None
        assert sorted(sink.wait(400)) == lines(0, 400)


def test_a_file_begun_at_its_end_is_read_from_there_after_a_restart_too(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    log = tmp_path / "logs" / "a.log"
    write(log, 0, 100)
    at_end = (FilesConfig(paths=(str(log),), begin="end"),)
    with running(config(files=at_end)) as agent:
        until_open(agent, log)
    write(log, 100, 120)
    with running(config(files=at_end)):
        assert sink.wait(20) == lines(100, 120)


def test_an_agent_that_cannot_keep_positions_says_so(
    tmp_path: Path, config: Callable[..., AgentConfig]
) -> None:
    agent = Agent(config(state=str(tmp_path / "nowhere" / "state")), SystemClock())
    with pytest.raises(Permanent, match=r"cannot write .*nowhere/state"):
        agent.run()


def test_files_rotated_and_deleted_while_the_server_is_away_lose_nothing(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    folder = tmp_path / "logs"
    log = folder / "a.log"
    sink.refuse = lambda _body: (503, {"Retry-After": "1"})
    write(log, 0, 100)
    with running(config(scan=Duration(0.01))) as agent:
        for turn in range(1, 5):
            with sink.arrived:
                sink.arrived.wait(0.2)
            until_open(agent, log)
            log.rename(folder / "a.log.1")  # the one before it is gone
            write(log, turn * 100, turn * 100 + 100)
        until_open(agent, log)
        sink.refuse = lambda _body: None
        assert sorted(sink.wait(500)) == lines(0, 500)


def until_open(agent: Agent, path: Path) -> None:
    stat = path.stat()
    for _ in range(500):
        if (stat.st_dev, stat.st_ino) in agent._files._tails:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{path} is not read")


def test_an_answer_that_is_lost_makes_the_same_request_again(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    sink.lose_answers = 2
    write(tmp_path / "logs" / "a.log", 0, 10)
    with running(config()):
        sink.wait(10)
        write(tmp_path / "logs" / "a.log", 10, 20)
        assert sink.wait(20) == lines(0, 20)
    assert max(sink.bodies.values()) == 3


def test_a_batch_on_its_way_when_the_agent_ends_is_the_same_one_afterwards(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    seen: list[bytes] = []

    def refuse(body: bytes) -> tuple[int, dict[str, str]]:
        seen.append(body)
        return 503, {"Retry-After": "60"}

    sink.refuse = refuse
    write(tmp_path / "logs" / "a.log", 0, 10)
    with running(config()), sink.arrived:
        assert sink.arrived.wait_for(lambda: bool(seen), 10)
    sink.refuse = lambda _body: None
    write(tmp_path / "logs" / "a.log", 10, 20)
    with running(config()):
        assert sink.wait(20) == lines(0, 20)
    assert seen[0] in sink.bodies


def test_a_batch_that_is_too_large_is_halved_and_a_refused_one_put_aside(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    log = tmp_path / "logs" / "a.log"
    sink.refuse = lambda body: (413, {}) if gzip.decompress(body).count(b"line") > 30 else None
    write(log, 0, 100)
    with running(config()):
        assert sink.wait(100) == lines(0, 100)
        sink.refuse = lambda body: (400, {}) if b"poison" in gzip.decompress(body) else None
        with log.open("a") as stream:
            stream.write("poison\n")
        for _ in range(200):
            if any(tmp_path.glob("state.batch.refused-*")):
                break
            threading.Event().wait(0.05)
        assert any(tmp_path.glob("state.batch.refused-*"))
        write(log, 100, 110)
        assert sink.wait(110) == lines(0, 110)


def test_traces_are_one_entry_and_a_last_line_waits_for_its_end(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    trace = 'ERROR it broke\nTraceback (most recent call last):\n  File "x.py", line 1\nKeyError: 7'
    log = tmp_path / "logs" / "a.log"
    with running(config()):
        log.write_text(f"before\n{trace}\nafter\nhalf a li")
        assert sink.wait(3) == ["before", trace, "after"]
        with log.open("a") as stream:
            stream.write("ne\n")
        assert sink.wait(4)[3] == "half a line"


def test_long_lines_are_cut_with_a_mark(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    log = tmp_path / "logs" / "a.log"
    log.write_text("x" * 500_000 + "\nshort\n")
    with running(config(max_line=Size(1000))):
        first, second = sink.wait(2)
    assert first == "x" * 1000 + " … [cut, 500,000 bytes]"
    assert second == "short"


def test_standard_input_is_sent_to_its_end_and_the_agent_ends(
    sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    reading, writing = os.pipe()
    files = FilesConfig(paths=("-",), service="shop")
    made = config(files=(), stdin=files)
    agent = Agent(made, SystemClock(), stdin=reading)
    thread = threading.Thread(target=agent.run, daemon=True)
    thread.start()
    os.write(writing, b"one\ntwo\nthree without an end")
    os.close(writing)
    thread.join(10)
    assert not thread.is_alive()
    os.close(reading)
    assert sink.lines == ["one", "two", "three without an end"]
    assert sink.blocks[0]["origin"]["service"] == "shop"


def test_containers_are_read_with_their_names_and_split_lines_are_whole_again(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig]
) -> None:
    folder = tmp_path / "containers" / ("ab" * 32)
    folder.mkdir(parents=True)
    (folder / "config.v2.json").write_text(
        '{"Name": "/shop-web-1", "Config": {"Image": "shop:7", "Labels":'
        ' {"com.docker.compose.service": "web"}}}'
    )
    (folder / f"{folder.name}-json.log").write_text(
        '{"log":"hello\\n","stream":"stdout","time":"2026-05-04T10:00:00.5Z"}\n'
        '{"log":"first part, ","stream":"stderr","time":"2026-05-04T10:00:01Z"}\n'
        '{"log":"second\\n","stream":"stderr","time":"2026-05-04T10:00:01.1Z"}\n'
    )
    made = config(files=(), docker=DockerConfig(folder=str(tmp_path / "containers")))
    with running(made):
        assert sink.wait(2) == ["hello", "first part, second"]
    block = sink.blocks[0]
    assert block["origin"]["fallback_service"] == "web"
    assert block["origin"]["source"] == "docker:shop-web-1"
    assert block["origin"]["attributes"]["container.image.name"] == "shop:7"
    assert block["entries"][0] == [1777888800500000000, "hello", {"log.iostream": "stdout"}]


def test_the_journal_goes_on_behind_its_cursor(
    tmp_path: Path, sink: Sink, config: Callable[..., AgentConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "journalctl"
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$*" >> {tmp_path}/asked\n'
        'echo \'{"__CURSOR":"c1","__REALTIME_TIMESTAMP":"1777888800000000","MESSAGE":"up",'
        '"PRIORITY":"3","_SYSTEMD_UNIT":"nginx.service","_PID":"7","_HOSTNAME":"box"}\'\n'
        "exec sleep 60\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    made = config(files=(), journald=JournaldConfig())
    with running(made):
        sink.wait(1)
    with running(made):
        sink.wait(2)
    block = sink.blocks[0]
    assert block["entries"] == [[1777888800000000000, "up", {"level": "err", "process.pid": "7"}]]
    assert (block["origin"]["service"], block["origin"]["host"]) == ("nginx", "box")
    first, second = (tmp_path / "asked").read_text().splitlines()
    assert "--lines=0" in first
    assert "--after-cursor=c1" in second
