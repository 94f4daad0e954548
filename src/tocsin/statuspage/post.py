"""What does the public read of an incident or of planned maintenance? Words written for it alone.

Nothing here is taken over from an incident but its number, which is not shown: titles, labels,
hosts and people's names of the inside stay there.
"""

from __future__ import annotations

import unicodedata
from enum import Enum

import msgspec

from tocsin.kit.fault import Rejected
from tocsin.statuspage.component_state import ComponentState, Impact

_LONGEST_TITLE = 200
_LONGEST_TEXT = 10_000
_MOST_UPDATES = 500
_LONGEST_MS = 366 * 86_400_000


class PostKind(Enum):
    """What a post is about."""

    INCIDENT = "incident"
    MAINTENANCE = "maintenance"


class PostStatus(Enum):
    """How far it has come, in Statuspage's words: four of incidents, four of maintenance."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    SCHEDULED = "scheduled"
    IN_PROGRESS = "in_progress"
    VERIFYING = "verifying"
    COMPLETED = "completed"

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to tell."""
        return self in (PostStatus.RESOLVED, PostStatus.COMPLETED)

    @property
    def kind(self) -> PostKind:
        """Which posts may have it."""
        return PostKind.INCIDENT if self in _OF_INCIDENTS else PostKind.MAINTENANCE


_OF_INCIDENTS = frozenset(
    (
        PostStatus.INVESTIGATING,
        PostStatus.IDENTIFIED,
        PostStatus.MONITORING,
        PostStatus.RESOLVED,
    )
)


class PostUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """One text for the public. `author` is who wrote it, which the public is not told; `key` names
    the act that brought it, so that a repetition is recognised."""

    id: str
    at_ms: int
    status: PostStatus
    text: str
    author: str = ""
    key: str = ""
    is_quiet: bool = False
    """Whether subscribers are not told."""


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """A component, and how it was said to be from then on until the next such word."""

    component: str
    state: ComponentState
    since_ms: int


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """One post; times in ms since the epoch, UTC, 0 for what has not happened.

    `incident` is the number of the incident inside, empty when there is none; it is never shown.
    `starts_ms` and `ends_ms` are when maintenance is planned. `affected` holds every word about
    components in the order in which they were said.
    """

    id: str
    kind: PostKind = PostKind.INCIDENT
    title: str
    impact: Impact = Impact.MINOR
    status: PostStatus
    affected: tuple[Affected, ...] = ()
    updates: tuple[PostUpdate, ...] = ()
    incident: str = ""
    created_ms: int
    updated_ms: int
    starts_ms: int = 0
    ends_ms: int = 0
    over_ms: int = 0
    """When it was resolved or completed."""
    version: int = 1

    @property
    def components(self) -> tuple[str, ...]:
        """The components that it is about, each once."""
        return tuple(dict.fromkeys(one.component for one in self.affected))

    @property
    def begins_ms(self) -> int:
        """When it began, or is planned to."""
        return self.starts_ms or self.created_ms

    def said_of(self, component: str, at_ms: int) -> ComponentState | None:
        """What it says of a component at that moment; None when nothing."""
        if self.over_ms and at_ms >= self.over_ms:
            return None
        said = [one for one in self.affected if one.component == component]
        known = [one.state for one in said if one.since_ms <= at_ms]
        return known[-1] if known else None

    def is_at_work(self, at_ms: int) -> bool:
        """Whether maintenance is under way at that moment."""
        if self.kind is not PostKind.MAINTENANCE or self.status is PostStatus.SCHEDULED:
            return False
        return self._began_ms <= at_ms and not (self.over_ms and at_ms >= self.over_ms)

    @property
    def _began_ms(self) -> int:
        """When work began: the first word of it, which may be before or after the plan."""
        words = (PostStatus.IN_PROGRESS, PostStatus.VERIFYING)
        return next((one.at_ms for one in self.updates if one.status in words), self.starts_ms)


def title_of(text: str) -> str:
    """A title as it is kept: one line. Raises Rejected when it is none."""
    title = " ".join(_plain(text).split())
    if not title:
        raise Rejected("a post needs a title, written for those who read the status page")
    if len(title) > _LONGEST_TITLE:
        raise Rejected(f"a title has at most {_LONGEST_TITLE} characters")
    return title


def text_of(text: str) -> str:
    """A text as it is kept. Raises Rejected when it is empty or too long."""
    found = _plain(text).strip()
    if not found:
        raise Rejected("an update needs a text, written for those who read the status page")
    if len(found) > _LONGEST_TEXT:
        raise Rejected(f"a text has at most {_LONGEST_TEXT} characters")
    return found


def checked(post: Post) -> Post:
    """The post itself; raises Rejected when it makes no sense."""
    if len(post.updates) > _MOST_UPDATES:
        raise Rejected(f"a post has at most {_MOST_UPDATES} updates; begin another one")
    if post.status.kind is not post.kind:
        allowed = ", ".join(one.value for one in PostStatus if one.kind is post.kind)
        raise Rejected(f"the status of this post is one of {allowed}, not {post.status.value}")
    if post.kind is PostKind.MAINTENANCE:
        if post.ends_ms <= post.starts_ms or post.starts_ms <= 0:
            raise Rejected("maintenance must end later than it begins")
        if post.ends_ms - post.starts_ms > _LONGEST_MS:
            raise Rejected("maintenance lasts a year at most")
    return post


def _plain(text: str) -> str:
    """Without what no feed may hold: control characters (XML 1.0, section 2.2) and halves of
    pairs."""
    return "".join(
        one for one in text if one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cs", "Cn")
    ).replace("\r", "")
