"""`/api/rules/made`: rules that people make, change, take out as a file, and delete."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from tests.alert.rule_world import RuleWorld
from tests.alert.test_made_rules import Shelf
from tests.ingest.asgi import Answer, Site, site
from tocsin.alert.rules.made_rules import MadeRules
from tocsin.alert.rules.manager import RuleManager
from tocsin.web.api import rules_made
from tocsin.web.body import answering
from tocsin.web.identity import LOCAL
from tocsin.web.problem import of_fault
from tocsin.web.routing import Access, Handler

BODY = {"name": "Busy", "expr": "x > 1", "for": "5m", "severity": "warning"}


class Audit:
    def __init__(self) -> None:
        self.entries: list[tuple[str, str]] = []

    async def record(self, who: str, what: str, target: str, **more: object) -> None:
        self.entries.append((who, what))


class Api:
    def __init__(self, found: Site, manager: RuleManager) -> None:
        self.site, self.manager, self.audit = found, manager, Audit()
        self.made = MadeRules(Shelf(), manager, found.clock)

    async def __call__(self, method: str, path: str, value: object = None) -> Answer:
        body = value if isinstance(value, bytes) else msgspec.json.encode(value) if value else b""
        return await self.site.call(method, path, body)


def _guarded(handler: Handler) -> Handler:
    async def answer(request: Request):  # type: ignore[no-untyped-def]  # as a guard does
        request.state.identity = LOCAL
        return await answering(handler, lambda r, fault, _status: of_fault(r, fault))(request)

    return answer


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    found = site()
    manager = RuleManager(RuleWorld(tmp_path).around)
    api = Api(found, manager)
    routes = [
        Route(one.path, _guarded(one.handler), methods=list(one.methods))
        for one in rules_made.ADDRESSES
    ]
    app = Starlette(routes=routes)
    app.state.services = SimpleNamespace(made_rules=api.made, clock=found.clock)
    app.state.people = SimpleNamespace(audit=api.audit)
    found.app = app
    yield api
    await manager.stop()


async def test_a_rule_is_made_read_changed_taken_out_and_deleted(api: Api) -> None:
    made = await api("POST", "/api/rules/made", BODY)
    assert made.status == 201, made.body
    shown = msgspec.json.decode(made.body)
    assert (shown["name"], shown["for"], shown["made_by"]) == ("Busy", "5m", "local")
    path = f"/api/rules/made/{shown['id']}"
    assert [group.group.name for group in api.manager.groups] == ["made here"]
    changed = await api("PUT", path, {**BODY, "expr": "x > 2", "disabled": True})
    assert msgspec.json.decode(changed.body)["disabled"] is True
    assert api.manager.groups == []
    assert msgspec.json.decode((await api("GET", path)).body)["expr"] == "x > 2"
    assert len(msgspec.json.decode((await api("GET", "/api/rules/made")).body)) == 1
    file = await api("GET", "/api/rules/made.yml")
    assert b"# switched off" in file.body
    assert (await api("DELETE", path)).status == 200
    assert (await api("GET", path)).status == 404
    assert [what for _, what in api.audit.entries] == ["rule_made", "rule_changed", "rule_removed"]


async def test_a_wrong_rule_is_answered_with_fields_and_characters(api: Api) -> None:
    answer = await api("POST", "/api/rules/made", {**BODY, "expr": "sum(x", "for": "soon"})
    assert answer.status == 400
    problems = msgspec.json.decode(answer.body)["problems"]
    assert {one["field"] for one in problems} == {"expr", "hold"}
    (wrong,) = [one for one in problems if one["field"] == "expr"]
    assert "1:6: parse error" in wrong["words"]
    assert api.audit.entries == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"name": "x", "expr": "up", "nonsense": 1}'])
async def test_what_is_no_rule_at_all_is_refused(api: Api, body: bytes) -> None:
    assert (await api("POST", "/api/rules/made", body)).status == 400
    assert (await api("PUT", "/api/rules/made/none", BODY)).status == 404


def test_members_make_rules_and_whoever_may_read_sees_them() -> None:
    asked = {(one.methods[0], one.access) for one in rules_made.ADDRESSES}
    assert asked == {
        ("GET", Access.READ),
        ("POST", Access.RESPOND),
        ("PUT", Access.RESPOND),
        ("DELETE", Access.RESPOND),
    }
