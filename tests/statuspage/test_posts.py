"""What the public is told: once for each incident, changed by nobody unseen."""

from __future__ import annotations

import pytest

from tests.statuspage.world import World
from tocsin.app.incident_ports import PublicPosts
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.incidents import Incident, Link
from tocsin.model.labels import from_mapping
from tocsin.statuspage.component_state import ComponentState as S
from tocsin.statuspage.component_state import Impact
from tocsin.statuspage.monitors import concerned
from tocsin.statuspage.post import Post, PostStatus
from tocsin.statuspage.posts import StalePost


async def _opened(here: World, number: str = "INC-2026-0001") -> Post:
    return await here.posts.open_post(
        number, "Payments fail", ["api-svc"], Impact.MAJOR, "We look into it.", "ana"
    )


async def test_an_incident_has_one_post_however_often_it_is_opened(here: World) -> None:
    await here.show()
    first = await _opened(here)
    assert await _opened(here) == first
    assert first.components == ("api",)
    assert here.disclosed.public == {"INC-2026-0001": True}
    await here.board.look()
    assert here.states()["api"] == "partial_outage"
    assert "Payments fail" in here.page()


async def test_updates_change_how_components_are_and_resolving_ends_it(here: World) -> None:
    await here.show()
    await _opened(here)
    number = "INC-2026-0001"
    await here.posts.update_post(
        number, PostStatus.IDENTIFIED, "A disk.", "ana", impact=Impact.MINOR, key="k"
    )
    again = await here.posts.update_post(number, PostStatus.IDENTIFIED, "A disk.", "ana", key="k")
    assert len(again.updates) == 2
    await here.board.look()
    assert here.states()["api"] == "degraded_performance"
    post = await here.posts.resolve_post(number, "It works again.", "ana")
    assert await here.posts.resolve_post(number, "It works again.", "ana") == post
    await here.board.look()
    assert here.states()["api"] == "operational"
    assert here.board.snapshot.active == []
    assert "It works again." in here.page()


async def test_what_somebody_else_changed_is_not_overwritten(here: World) -> None:
    await here.show()
    post = await _opened(here)
    await here.posts.tell(post.id, PostStatus.IDENTIFIED, "One.", "bo", version=1)
    with pytest.raises(StalePost, match="last written by bo"):
        await here.posts.tell(post.id, PostStatus.MONITORING, "Two.", "ana", version=1)
    with pytest.raises(StalePost):
        await here.posts.edit(post.id, version=1, title="x")
    edited = await here.posts.edit(post.id, version=2, title="Some payments fail", text="Fixed.")
    assert (edited.title, edited.updates[-1].text) == ("Some payments fail", "Fixed.")


async def test_a_drill_and_an_unknown_component_are_refused(here: World) -> None:
    await here.show()
    here.disclosed.drills.add("INC-2026-0002")
    with pytest.raises(Rejected, match="drill"):
        await _opened(here, "INC-2026-0002")
    with pytest.raises(Rejected, match="no component"):
        await here.posts.open_post("", "t", ["nothing"], Impact.MINOR, "x", "ana")
    with pytest.raises(NotFound):
        await here.posts.update_post("INC-2026-0009", PostStatus.IDENTIFIED, "x", "ana")


async def test_an_incident_that_is_made_private_again_leaves_the_page(here: World) -> None:
    await here.show()
    await _opened(here)
    here.disclosed.public["INC-2026-0001"] = False
    await here.board.look()
    assert "Payments fail" not in here.page()
    assert here.states()["api"] == "operational"
    assert [one.title for one in here.posts.all()] == ["Payments fail"]
    await here.posts.resolve_post("INC-2026-0001", "Over.", "ana")
    for days in (40, 1):
        await here.clock.advance(days * 86_400)
        await here.board.look()
        assert not any(b"Payments fail" in one.body for one in here.board.site.values())


async def test_maintenance_begins_and_ends_by_itself(here: World) -> None:
    await here.show()
    now = here.clock.now_ms()
    post = await here.posts.plan_maintenance(
        "Upgrade", ["website"], "Short.", "ana", starts_ms=now + 120_000, ends_ms=now + 240_000
    )
    seen = []
    for _ in range(5):
        await here.after(1)
        seen.append((here.posts.get(post.id).status.value, here.states()["website"]))
    assert seen == [
        ("scheduled", "operational"),
        ("in_progress", "under_maintenance"),
        ("in_progress", "under_maintenance"),
        ("completed", "operational"),
        ("completed", "operational"),
    ]


async def test_maintenance_that_makes_no_sense_is_refused(here: World) -> None:
    await here.show()
    now = here.clock.now_ms()
    with pytest.raises(Rejected, match="over already"):
        await here.posts.plan_maintenance("U", [], "x", "ana", starts_ms=1, ends_ms=2)
    with pytest.raises(Rejected, match="end later than it begins"):
        await here.posts.plan_maintenance(
            "U", [], "x", "ana", starts_ms=now + 9_000_000, ends_ms=now + 8_000_000
        )
    post = await here.posts.plan_maintenance(
        "U", [], "x", "ana", starts_ms=now + 1000, ends_ms=now + 9_000_000
    )
    with pytest.raises(Rejected, match="one of scheduled, in_progress, verifying, completed"):
        await here.posts.tell(post.id, PostStatus.RESOLVED, "x", "ana")


async def test_posts_are_read_again_after_a_restart(here: World) -> None:
    await here.show()
    post = await _opened(here)
    await here.posts.load()
    assert here.posts.get(post.id) == post
    await here.posts.remove(post.id)
    await here.posts.load()
    assert here.posts.all() == []


async def test_people_say_how_one_component_is_in_an_update(here: World) -> None:
    await here.show()
    post = await _opened(here)
    await here.posts.tell(
        post.id, PostStatus.IDENTIFIED, "Desk too.", "ana", states=[("Desk", S.MAJOR)]
    )
    await here.board.look()
    assert (here.states()["desk"], here.states()["api"]) == ("major_outage", "partial_outage")


@pytest.mark.parametrize(
    ("named", "services", "alerts", "affected"),
    [
        pytest.param([], (), [{"service": "api"}], ("api",), id="by its alerts"),
        pytest.param([], ("desk",), [{"service": "api"}], ("desk", "api"), id="by both"),
        pytest.param([], (), [{"service": "other"}], (), id="nothing that it concerns"),
        pytest.param(["Website"], ("desk",), [{"service": "api"}], ("website",), id="as is said"),
    ],
)
async def test_an_incident_affects_what_its_services_and_alerts_concern(
    here: World,
    named: list[str],
    services: tuple[str, ...],
    alerts: list[dict[str, str]],
    affected: tuple[str, ...],
) -> None:
    await here.show()
    links = [Link(kind="alert", ref=str(n), labels=from_mapping(a)) for n, a in enumerate(alerts)]
    incident = Incident(
        number="INC-1", severity="P0", title="Down", services=services, links=tuple(links)
    )
    public = PublicPosts(here.posts, lambda found: concerned(here.config.every_component(), found))
    await public.open(incident, "Down", "We look into it.", named, "critical")
    post = here.posts.of_incident("INC-1")
    assert post is not None
    assert post.components == affected
