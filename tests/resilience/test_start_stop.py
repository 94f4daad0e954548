"""Starting twice, on a taken port, stopping under load, and taking a new configuration."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import time
from pathlib import Path

import aiohttp
import pytest

from tests.resilience.serving import Sample, Serving, serving
from tests.waiting import until
from tocsin.cli.exits import Exit

pytestmark = pytest.mark.slow

_LIMIT_SECONDS = 180.0
ENDS_SECONDS = 45.0
"""It gives itself ten; what hangs would take minutes, and a slow machine is no bug."""


async def _ended(command: list[str]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(_LIMIT_SECONDS):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_second_serve_on_the_same_folder_says_who_holds_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as tocsin:
        code, said = await _ended(tocsin.command())
        assert code == Exit.HELD
        assert tocsin.engine is not None
        assert f"in use by process {tocsin.engine.pid}" in said
        assert str(tocsin.data) in said
        assert (await tocsin.get("/-/ready"))[0] == 200


async def test_a_taken_port_is_said_with_the_remedy(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        async with serving(tmp_path, started=False) as tocsin:
            code, said = await _ended([*tocsin.command(), "--http", address])
    assert code == Exit.HELD
    assert f"cannot listen on {address} for http" in said
    assert "listen.http" in said
    assert "Traceback" not in said


async def test_sigterm_under_load_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    async with serving(tmp_path) as tocsin:
        acknowledged: dict[str, Sample] = {}

        async def send(sender: int) -> None:
            number = 0
            while True:
                number += 1
                name, sample = f"{sender}/{number}", (time.time_ns() // 1_000_000, float(number))
                try:
                    status, retry = await tocsin.write({name: sample})
                except aiohttp.ClientError:
                    return
                if status < 300:
                    acknowledged[name] = sample
                else:
                    assert status == 503
                    assert int(retry) >= 1

        senders = [asyncio.create_task(send(number)) for number in range(20)]
        await until(lambda: len(acknowledged) > 200)
        assert await tocsin.stop(ENDS_SECONDS) == 0
        await asyncio.gather(*senders)
        assert "not_everything_was_kept" not in tocsin.said()
        await tocsin.start()
        kept = await tocsin.samples("kept[15m]")
        assert {name: kept.get(name) for name in acknowledged} == {
            name: [sample] for name, sample in acknowledged.items()
        }


async def _jobs(tocsin: Serving) -> set[str]:
    _, answer = await tocsin.get("/api/v1/targets")
    return {one["scrapePool"] for one in answer["data"]["activeTargets"]}


async def _successful(tocsin: Serving) -> float:
    _, text = await tocsin.get("/metrics")
    name = "tocsin_config_last_reload_successful "
    return float(next(line for line in text.splitlines() if line.startswith(name)).split()[1])


def _prometheus(*jobs: str) -> str:
    target = "static_configs: [{targets: ['127.0.0.1:9']}]"
    return "scrape_configs:\n" + "".join(f"- {{job_name: {job}, {target}}}\n" for job in jobs)


async def test_a_new_configuration_is_applied_however_it_is_asked_for(tmp_path: Path) -> None:
    prometheus = tmp_path / "prometheus.yml"
    prometheus.write_text(_prometheus("one"))
    config = f"scrape: {{host: false, itself: false}}\nprometheus: {prometheus}\n"
    async with serving(tmp_path, config=config) as tocsin:
        assert tocsin.process is not None
        assert await _jobs(tocsin) == {"one"}

        prometheus.write_text(_prometheus("one", "two"))
        async with tocsin.http.post(f"{tocsin.url}/-/reload") as response:
            assert response.status == 200
        assert await _jobs(tocsin) == {"one", "two"}

        prometheus.write_text(_prometheus("three"))
        tocsin.process.send_signal(signal.SIGHUP)
        await until(lambda: _are(tocsin, {"three"}))

        prometheus.write_text(_prometheus("four"))
        await until(lambda: _are(tocsin, {"four"}))

        prometheus.write_text(_prometheus("five") + "- {job_name: six, scrape_intervall: 1s}\n")
        async with tocsin.http.post(f"{tocsin.url}/-/reload") as response:
            assert response.status == 500
            words = await response.text()
        assert "scrape_intervall" in words
        assert "did you mean" in words.lower() or "scrape_interval" in words
        assert await _jobs(tocsin) == {"four"}, "a bad file changes nothing, not even in part"
        assert await _successful(tocsin) == 0
        _, page = await tocsin.get("/system")
        assert "scrape_intervall" in page

        prometheus.write_text(_prometheus("seven"))
        await until(lambda: _are(tocsin, {"seven"}))
        await until(lambda: _is_applied(tocsin))  # targets come first, the rest follows
        _, page = await tocsin.get("/system")
        assert "scrape_intervall" not in page


async def _is_applied(tocsin: Serving) -> bool:
    return await _successful(tocsin) == 1


async def _are(tocsin: Serving, jobs: set[str]) -> bool:
    return await _jobs(tocsin) == jobs


async def test_it_ends_in_time_although_the_engine_hangs(tmp_path: Path) -> None:
    async with serving(tmp_path) as tocsin:
        now = time.time_ns() // 1_000_000
        assert (await tocsin.write({"a": (now, 1.0)}))[0] < 300
        engine = tocsin.engine
        assert engine is not None
        engine.suspend()
        asked = asyncio.create_task(tocsin.get("/api/v1/query", query="kept[3d]"))
        await asyncio.sleep(0)
        assert await tocsin.stop(ENDS_SECONDS) == 0
        await asyncio.wait([asked])
        assert asked.exception() is None or isinstance(asked.exception(), aiohttp.ClientError)
        await tocsin.start()
        assert (await tocsin.samples("kept[10m]"))["a"] == [(now, 1.0)]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_it_ends_in_time_although_its_data_folder_is_gone(tmp_path: Path, when: str) -> None:
    async with serving(tmp_path) as tocsin:
        assert tocsin.process is not None
        assert (await tocsin.write({"a": (time.time_ns() // 1_000_000, 1.0)}))[0] < 300
        assert (await tocsin.get("/system"))[0] == 200
        if when == "before":
            shutil.rmtree(tocsin.data)
            async with tocsin.http.get(f"{tocsin.url}/-/ready") as response:
                assert response.status == 503
                assert "data folder" in await response.text()
            now = time.time_ns() // 1_000_000
            await until(lambda: _is_refused(tocsin, now))
        tocsin.process.send_signal(signal.SIGTERM)
        shutil.rmtree(tocsin.data, ignore_errors=True)
        async with asyncio.timeout(ENDS_SECONDS):
            assert await tocsin.process.wait() == 0
        assert "Traceback" not in tocsin.said()


async def _is_refused(tocsin: Serving, now: int) -> bool:
    return (await tocsin.write({"b": (now, 1.0)}))[0] == 503
