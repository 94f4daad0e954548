"""`tocsin backup` and `tocsin restore`, as a person runs them, with the real engine."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec
import pytest

from tests.resilience.serving import Sample, Serving, serving
from tests.store.test_backup import bucket  # noqa: F401 - a fixture
from tocsin.cli.exits import Exit
from tocsin.store.s3 import S3

pytestmark = pytest.mark.slow

_LIMIT_SECONDS = 180.0
_NONE: Mapping[str, str] = MappingProxyType({})


async def tocsin_command(
    *arguments: str, environment: Mapping[str, str] = _NONE
) -> tuple[int, str, str]:
    """Run a command of `tocsin`; its exit code, what it wrote, and its complaints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tocsin", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | dict(environment),
    )
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def _written(tocsin: Serving, number: int) -> dict[str, Sample]:
    now = time.time_ns() // 1_000_000
    samples = {f"s{each}": (now - 1000 + number, float(number)) for each in range(50)}
    status, _ = await tocsin.write(samples)
    assert status < 300
    return samples


async def _said(tocsin: Serving) -> None:
    """A line and a span."""
    span = {"traceId": "a" * 16, "id": "b" * 16, "localEndpoint": {"serviceName": "kept"}}
    for path, body in (
        ("/api/logs/lines?service=kept", b"a kept line"),
        ("/api/v2/spans", msgspec.json.encode([{**span, "timestamp": time.time_ns() // 1000}])),
    ):
        async with tocsin.http.post(f"{tocsin.url}{path}", data=body) as response:
            assert response.status < 300, await response.read()


async def _is_said(tocsin: Serving) -> None:
    async with tocsin.http.get(f"{tocsin.url}/api/logs/export?q=service:kept") as response:
        assert b"a kept line" in await response.read()
    async with tocsin.http.get(f"{tocsin.url}/jaeger/api/services") as response:
        assert b'"kept"' in await response.read()


async def _there_and_back(
    folder: Path, target: str, environment: Mapping[str, str] = _NONE
) -> bool:
    """Whether all that was kept before the backup, and nothing else, is back."""
    # Nothing is in the store by itself when the backup begins.
    patient = "scrape: {host: false, itself: false}\nstore: {flush_seconds: 600}\n"
    async with serving(folder, config=patient) as tocsin:
        kept = await _written(tocsin, 1)
        await _said(tocsin)
        code, said, complaints = await tocsin_command(
            *("backup", target, "--config", str(tocsin.config), "--data", str(tocsin.data)),
            environment=environment,
        )
        assert code == 0, complaints
        assert said.startswith("backed up ")
        await _written(tocsin, 2)
        code, _, complaints = await tocsin_command(
            "backup", target, "--data", str(tocsin.data), environment=environment
        )
        assert code == Exit.WRONG
        assert "holds a backup already" in complaints
        assert await tocsin.stop() == 0
    fresh = folder / "fresh"
    fresh.mkdir()
    async with serving(fresh, started=False) as tocsin:
        code, said, complaints = await tocsin_command(
            "restore", target, "--data", str(tocsin.data), environment=environment
        )
        assert code == 0, complaints
        assert "state.db" in said
        assert (tocsin.data / "config-tocsin.yaml").is_file()
        assert not list(tocsin.data.glob(".staging-*"))
        await tocsin.start()
        found = await tocsin.samples("kept[10m]")
        await _is_said(tocsin)
        assert await tocsin.stop() == 0
        return found == {name: [sample] for name, sample in kept.items()}


async def test_a_running_tocsin_is_backed_up_and_restored(tmp_path: Path) -> None:
    assert await _there_and_back(tmp_path, str(tmp_path / "backup"))


async def test_a_bucket_takes_the_backup_too(
    tmp_path: Path,
    bucket: S3,  # noqa: F811 - the fixture
) -> None:
    keys = {
        "AWS_ENDPOINT_URL": bucket.endpoint,
        "AWS_ACCESS_KEY_ID": bucket.access_key,
        "AWS_SECRET_ACCESS_KEY": bucket.secret_key,
    }
    assert await _there_and_back(tmp_path, f"s3://{bucket.bucket}/nightly/1", keys)


async def test_a_folder_at_rest_is_backed_up_and_only_a_fresh_one_restored_into(
    tmp_path: Path,
) -> None:
    target, data = str(tmp_path / "backup"), str(tmp_path / "data")
    code, _, complaints = await tocsin_command("backup", target, "--data", data)
    assert code == Exit.NOTHING
    assert "holds nothing" in complaints
    async with serving(tmp_path) as tocsin:
        await _written(tocsin, 1)
        assert await tocsin.stop() == 0
    code, said, complaints = await tocsin_command("backup", target, "--data", data)
    assert code == 0, complaints
    assert said.startswith("backed up ")
    code, _, complaints = await tocsin_command("restore", target, "--data", data)
    assert code == Exit.WRONG
    assert "is not empty" in complaints
    code, _, complaints = await tocsin_command(
        "restore", str(tmp_path / "nowhere"), "--data", str(tmp_path / "fresh")
    )
    assert code == Exit.NOTHING
    assert "no complete backup" in complaints
    assert not list((tmp_path / "fresh").iterdir()), "a failed restore leaves nothing"


async def test_a_damaged_backup_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as tocsin:
        assert await tocsin.stop() == 0
    target = tmp_path / "backup"
    code, _, complaints = await tocsin_command(
        "backup", str(target), "--data", str(tmp_path / "data")
    )
    assert code == 0, complaints
    (target / "state.db").write_bytes(b"not what it was")
    code, _, complaints = await tocsin_command(
        "restore", str(target), "--data", str(tmp_path / "fresh")
    )
    assert code == Exit.HELD
    assert "damaged" in complaints
    assert not list((tmp_path / "fresh").iterdir())
