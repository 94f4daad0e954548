"""`tocsin status` and the backup's API, against a running Tocsin."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import tocsin.app.run  # noqa: F401 - registers every metric
from tests.resilience.serving import serving
from tests.resilience.test_backup import tocsin_command
from tests.waiting import until
from tocsin.cli.exits import Exit
from tocsin.kit.gauge import REGISTRY

_OPERATING = Path(__file__).parents[2] / "docs" / "guide" / "operating.md"


@pytest.mark.slow
async def test_the_status_says_what_runs_and_how_it_is(tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    code, _, complaints = await tocsin_command("status", "--data", data)
    assert code == Exit.NOTHING
    assert "nothing runs on" in complaints
    async with serving(tmp_path) as running:
        code, said, complaints = await tocsin_command("status", "--data", data)
        assert code == 0, complaints
        assert said.startswith(f"{running.url}: ")
        assert "store" in said
        code, said, _ = await tocsin_command("status", "--url", running.url, "--json")
        assert code == 0
        assert "store" in msgspec.json.decode(said)["checks"]
        url = running.url
        await running.kill()
        code, _, complaints = await tocsin_command("status", "--data", data)
        assert code == Exit.NOTHING, "a killed process left its file"
    code, _, complaints = await tocsin_command("status", "--url", url)
    assert code == Exit.UNREACHABLE
    assert "does not answer" in complaints


@pytest.mark.slow
async def test_the_api_makes_a_backup_and_tells_how_it_went(tmp_path: Path) -> None:
    async with serving(tmp_path) as running:

        async def ask(method: str, body: object = None) -> tuple[int, dict[str, object]]:
            data = None if body is None else msgspec.json.encode(body)
            async with running.http.request(
                method, f"{running.url}/api/backup", data=data
            ) as response:
                return response.status, msgspec.json.decode(await response.read())

        assert (await ask("GET"))[1]["state"] == "none"
        status, answer = await ask("POST", {"target": "ftp://x"})
        assert status == 400
        assert "no place for a backup" in str(answer["error"])
        status, answer = await ask("POST", {"target": "s3://bucket/x"})
        assert status == 400
        assert "AWS_ACCESS_KEY_ID" in str(answer["error"])
        target = tmp_path / "backup"
        status, answer = await ask("POST", {"target": str(target)})
        assert status == 202

        async def ended() -> str:
            state = str((await ask("GET"))[1]["state"])
            return state if state in ("done", "failed") else ""

        assert await until(ended) == "done"
        assert (target / "manifest.json").is_file()
        await ask("POST", {"target": str(target)})

        async def refused() -> bool:
            return (await ask("GET"))[1]["state"] == "failed"

        await until(refused)
        _, answer = await ask("GET")
        assert "holds a backup already" in str(answer["error"])


def test_every_metric_that_the_guide_names_exists() -> None:
    named = set(re.findall(r"`(tocsin_[a-z_]+)`", _OPERATING.read_text()))
    known = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in REGISTRY.collect()
    }
    assert named
    assert named <= known
