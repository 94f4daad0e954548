"""The page as JSON in the shape of Statuspage's API, version 2, so that its clients read it.

https://www.atlassian.com/software/statuspage documents it for each page at `/api`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from tocsin.statuspage.component_state import indicator
from tocsin.statuspage.post import PostKind
from tocsin.statuspage.snapshot import (
    ShownComponent,
    ShownGroup,
    ShownPost,
    Snapshot,
    is_active,
)

_LISTED = 50
_UNKNOWN = "unknown"
"""The one word that Statuspage does not have: a component without data is not said to be up."""
Json = dict[str, object]


def documents(snapshot: Snapshot) -> Mapping[str, bytes]:
    """Every document, by its path below the page."""
    posts = snapshot.posts
    incidents = [one for one in posts if one.kind is PostKind.INCIDENT]
    works = [one for one in posts if one.kind is PostKind.MAINTENANCE]
    ahead = snapshot.planned
    shown = _Shown(snapshot)
    made: dict[str, Json] = {
        "summary.json": {
            **shown.components(),
            "incidents": shown.posts([one for one in incidents if is_active(one)]),
            "scheduled_maintenances": shown.posts(
                [*ahead, *(one for one in works if is_active(one))]
            ),
            **shown.status(),
        },
        "status.json": shown.status(),
        "components.json": shown.components(),
        "incidents.json": {"incidents": shown.posts(incidents[:_LISTED])},
        "incidents/unresolved.json": {
            "incidents": shown.posts([one for one in incidents if is_active(one)])
        },
        "scheduled-maintenances.json": {"scheduled_maintenances": shown.posts(works[:_LISTED])},
        "scheduled-maintenances/upcoming.json": {"scheduled_maintenances": shown.posts(ahead)},
        "scheduled-maintenances/active.json": {
            "scheduled_maintenances": shown.posts([one for one in works if is_active(one)])
        },
    }
    return {
        f"api/v2/{name}": msgspec.json.encode({"page": shown.page(), **content})
        for name, content in made.items()
    }


def post_json(snapshot: Snapshot, post: ShownPost) -> Json:
    """One post, as the documents have it."""
    return _Shown(snapshot).post(post)


class _Shown:
    """One snapshot, in that shape."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._at = iso(snapshot.as_of_ms)
        self._parts: dict[str, Json] = {}
        for number, group in enumerate(snapshot.groups):
            group_id = f"group-{number + 1}" if group.name else None
            for place, one in enumerate(group.components):
                self._parts[one.id] = self._component(one, group_id, place + 1)

    def page(self) -> Json:
        look = self._snapshot.look
        return {
            "id": "status",
            "name": look.title,
            "url": look.address,
            "time_zone": "Etc/UTC",
            "updated_at": self._at,
        }

    def status(self) -> Json:
        state = self._snapshot.state
        headline = self._snapshot.headline
        words = self._snapshot.look.words.get(f"all_{headline}", headline)
        return {"status": {"indicator": indicator(state), "description": words}}

    def components(self) -> Json:
        listed: list[Json] = []
        for number, group in enumerate(self._snapshot.groups):
            if group.name:
                listed.append(self._group(group, number))
            listed += [self._parts[one.id] for one in group.components]
        return {"components": listed}

    def posts(self, posts: Sequence[ShownPost]) -> list[Json]:
        return [self.post(one) for one in posts]

    def post(self, post: ShownPost) -> Json:
        is_work = post.kind is PostKind.MAINTENANCE
        first = _first(post, "monitoring")
        found: Json = {
            "id": post.id,
            "name": post.title,
            "status": post.status.value,
            "created_at": iso(post.created_ms),
            "updated_at": iso(post.updated_ms),
            "monitoring_at": iso(first) if first else None,
            "resolved_at": iso(post.over_ms) if post.over_ms else None,
            "impact": "maintenance" if is_work else post.impact.value,
            "shortlink": f"{self._snapshot.look.address}/incidents/{post.id}",
            "started_at": iso(post.begins_ms),
            "page_id": "status",
            "incident_updates": [self._update(post, number) for number in range(len(post.updates))],
            "components": [self._parts[key] for key, _ in post.components if key in self._parts],
            "reminder_intervals": None,
        }
        if is_work:
            found["scheduled_for"] = iso(post.starts_ms)
            found["scheduled_until"] = iso(post.ends_ms)
        return found

    def _update(self, post: ShownPost, number: int) -> Json:
        one = post.updates[number]
        at = iso(one.at_ms)
        return {
            "id": one.id,
            "status": one.status.value,
            "body": one.text,
            "incident_id": post.id,
            "created_at": at,
            "updated_at": at,
            "display_at": at,
            "affected_components": [{"code": key, "name": name} for key, name in post.components],
            "deliver_notifications": True,
            "custom_tweet": None,
            "tweet_id": None,
        }

    def _component(self, one: ShownComponent, group: str | None, place: int) -> Json:
        known = [day.date for day in one.days if day.state is not None]
        return {
            "id": one.id,
            "name": one.name,
            "status": one.state.value if one.state else _UNKNOWN,
            "created_at": f"{known[0]}T00:00:00Z" if known else self._at,
            "updated_at": self._at,
            "position": place,
            "description": one.description or None,
            "showcase": True,
            "start_date": known[0] if known else None,
            "group_id": group,
            "page_id": "status",
            "group": False,
            "only_show_if_degraded": False,
        }

    def _group(self, group: ShownGroup, number: int) -> Json:
        return {
            "id": f"group-{number + 1}",
            "name": group.name,
            "status": group.state.value if group.state else _UNKNOWN,
            "created_at": self._at,
            "updated_at": self._at,
            "position": number + 1,
            "description": group.description or None,
            "showcase": False,
            "start_date": None,
            "group_id": None,
            "page_id": "status",
            "group": True,
            "only_show_if_degraded": False,
            "components": [one.id for one in group.components],
        }


def iso(at_ms: int) -> str:
    """As Statuspage writes times: `2026-11-22T10:00:00.000Z`."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _first(post: ShownPost, status: str) -> int:
    return min((one.at_ms for one in post.updates if one.status.value == status), default=0)
