"""What does the public see at one moment? Values made of public words alone, and kept on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tocsin.statuspage.component_state import ComponentState, Impact
from tocsin.statuspage.post import Post, PostKind, PostStatus


class ShownDay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One day of a component; `state` None means that there is no data."""

    date: str
    """As ISO 8601 has it."""
    state: ComponentState | None = None
    down_s: int = 0
    known_s: int = 0


class ShownComponent(msgspec.Struct, frozen=True, kw_only=True):
    """A component; `state` None means that nothing is known of it."""

    id: str
    name: str
    description: str = ""
    state: ComponentState | None
    days: tuple[ShownDay, ...] = ()
    percent: str = ""
    """Of known time without maintenance; empty when nothing is known."""
    empty_days: int = 0


class ShownGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Components under one heading; without `name` they have none."""

    name: str = ""
    description: str = ""
    state: ComponentState | None
    """None when nothing is wrong as far as is known, and not everything is."""
    is_folded: bool = False
    components: tuple[ShownComponent, ...] = ()


class ShownUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One update of a post."""

    id: str
    at_ms: int
    status: PostStatus
    text: str = ""


class ShownPost(msgspec.Struct, frozen=True, kw_only=True):
    """A post; its updates the newest first. `components` are pairs of id and name."""

    id: str
    kind: PostKind
    title: str
    impact: Impact
    status: PostStatus
    components: tuple[tuple[str, str], ...] = ()
    updates: tuple[ShownUpdate, ...] = ()
    created_ms: int
    updated_ms: int
    starts_ms: int = 0
    ends_ms: int = 0
    over_ms: int = 0

    @property
    def begins_ms(self) -> int:
        """When it began, or is planned to."""
        return self.starts_ms or self.created_ms


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the page looks like besides its content; all of it is public."""

    title: str = "Status"
    description: str = ""
    language: str = "en"
    words: Mapping[str, str] = {}
    logo: str = ""
    """A `data:` address."""
    links: tuple[tuple[str, str], ...] = ()
    header: str = ""
    header_text: str = ""
    accent: str = ""
    accent_dark: str = ""
    address: str = ""
    """Where the public finds the page, without a slash at its end."""
    has_host: bool = False
    """Whether it is at the top of a host of its own too."""
    downtime: tuple[str, ...] = ()
    by_email: bool = False
    by_webhook: bool = False


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of what the public is shown; times in ms since the epoch."""

    look: Look = Look()
    made_ms: int = 0
    as_of_ms: int = 0
    """When everything in it was last known for certain."""
    is_stale: bool = False
    """Whether the states could not be looked at again since then."""
    state: ComponentState = ComponentState.OPERATIONAL
    groups: tuple[ShownGroup, ...] = ()
    posts: tuple[ShownPost, ...] = ()
    """Every post, the newest first; open windows that are public among them."""

    @property
    def headline(self) -> str:
        """The word for the whole: a state, or "unknown" when nothing is wrong as far as is known,
        and not everything is."""
        is_unknown = any(one.state is None for one in self.components)
        if is_unknown and self.state is ComponentState.OPERATIONAL:
            return "unknown"
        return self.state.value

    @property
    def components(self) -> Sequence[ShownComponent]:
        """Of all groups, in order."""
        return [one for group in self.groups for one in group.components]

    @property
    def active(self) -> Sequence[ShownPost]:
        """What happens now: incidents that are not over, and work that is under way."""
        return [one for one in self.posts if is_active(one)]

    @property
    def planned(self) -> Sequence[ShownPost]:
        """Maintenance to come, the next one first."""
        ahead = [one for one in self.posts if one.status is PostStatus.SCHEDULED]
        return sorted(ahead, key=lambda one: one.starts_ms)

    @property
    def past(self) -> Sequence[ShownPost]:
        """What is over, the newest first."""
        return [one for one in self.posts if one.status.is_over]


def is_active(post: ShownPost) -> bool:
    """Whether it happens now."""
    return not post.status.is_over and post.status is not PostStatus.SCHEDULED


def shown_post(post: Post, names: Mapping[str, str]) -> ShownPost:
    """What the public sees of a post: each field by name, so that a new private one stays inside.
    `names` are those of the components that are shown."""
    return ShownPost(
        id=post.id,
        kind=post.kind,
        title=post.title,
        impact=post.impact,
        status=post.status,
        components=tuple((one, names[one]) for one in post.components if one in names),
        updates=tuple(
            ShownUpdate(id=one.id, at_ms=one.at_ms, status=one.status, text=one.text)
            for one in reversed(post.updates)
        ),
        created_ms=post.created_ms,
        updated_ms=post.updated_ms,
        starts_ms=post.starts_ms,
        ends_ms=post.ends_ms,
        over_ms=post.over_ms,
    )
