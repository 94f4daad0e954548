"""How does a post begin, go on and end? The one service through which the public is told."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

import msgspec

from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.statuspage.component_state import ComponentState, Impact
from tocsin.statuspage.post import (
    Affected,
    Post,
    PostKind,
    PostStatus,
    PostUpdate,
    checked,
    text_of,
    title_of,
)


class PublicIncidents(Protocol):
    """What the public may know of."""

    def posts(self) -> Sequence[Post]:
        """Every post, the newest first."""


class PostKeeper(Protocol):
    """Where posts survive. All raise Temporary when that does not answer."""

    async def save(self, posts: Iterable[Post]) -> None:
        """Keep them, replacing those of the same id."""

    async def forget(self, ids: Iterable[str]) -> None:
        """Keep them no longer."""

    async def all(self) -> list[Post]:
        """Every one."""


class Disclosure(Protocol):
    """Which incidents of the inside the public may be told of. All raise Temporary when it cannot
    be said now."""

    async def disclose(self, number: str, author: str) -> None:
        """The public is told of it from now on. Raises Rejected when it must not be (a drill),
        NotFound when there is no such incident."""

    async def hidden(self, numbers: Sequence[str]) -> Collection[str]:
        """Those of them that the public must not be told of any more."""


class StalePost(Rejected):
    """Somebody else changed it meanwhile; `now` is what it is by now."""

    def __init__(self, now: Post) -> None:
        super().__init__(
            f"this post was changed meanwhile: it is {now.status.value} and was last written by "
            f"{now.updates[-1].author if now.updates else 'nobody'}; read it again"
        )
        self.now = now


_RECENT_MS = 30 * 86_400_000
_ALL_EACH_MS = 3_600_000

ComponentsOf = Callable[[Iterable[str], bool], Sequence[str]]
"""The ids of components by their ids, names or services. Unknown ones are left out, or with the
second argument raise Rejected."""


class PostBook:
    """All posts, in memory and where they are kept; whoever changes one goes through here."""

    def __init__(
        self,
        keeper: PostKeeper,
        clock: Clock,
        components_of: ComponentsOf,
        disclosure: Disclosure | None = None,
    ) -> None:
        self._keeper = keeper
        self._clock = clock
        self._components_of = components_of
        self._disclosure = disclosure
        self._posts: dict[str, Post] = {}
        self._hidden: frozenset[str] = frozenset()
        self._looked_ms = 0
        self._one_at_a_time = asyncio.Lock()
        self._changed: list[Callable[[], None]] = []

    def when_changed(self, listener: Callable[[], None]) -> None:
        """Call it after each change."""
        self._changed.append(listener)

    async def load(self) -> None:
        """Read what is kept; also what another node wrote."""
        async with self._one_at_a_time:
            posts = {one.id: one for one in await self._keeper.all()}
            if self._disclosure is not None:
                # First: what cannot be judged is not shown.
                await self._look_at_incidents(posts.values(), self._disclosure)
            self._posts = posts

    async def _look_at_incidents(self, posts: Iterable[Post], disclosure: Disclosure) -> None:
        """Which are public still: recent ones each time, all of them each hour."""
        now = self._clock.now_ms()
        is_whole = now - self._looked_ms >= _ALL_EACH_MS
        since = 0 if is_whole else now - _RECENT_MS
        numbers = {
            one.incident
            for one in posts
            if one.incident and (not one.over_ms or one.over_ms > since)
        }
        fresh = await disclosure.hidden(sorted(numbers)) if numbers else ()
        self._hidden = (self._hidden - numbers) | frozenset(fresh)
        if is_whole:
            self._looked_ms = now

    def all(self) -> Sequence[Post]:
        """Every post, also those of incidents that are hidden by now; the newest first."""
        return sorted(self._posts.values(), key=lambda one: (one.begins_ms, one.id), reverse=True)

    def posts(self) -> Sequence[Post]:
        """Those that the public may read, the newest first."""
        return [one for one in self.all() if one.incident not in self._hidden or not one.incident]

    def get(self, post_id: str) -> Post:
        """By its id. Raises NotFound."""
        found = self._posts.get(post_id)
        if found is None:
            raise NotFound("there is no such post on the status page")
        return found

    def of_incident(self, number: str) -> Post | None:
        """What the public was told of an incident; None when nothing."""
        return next(
            (one for one in self._posts.values() if number and one.incident == number), None
        )

    async def open_post(  # noqa: PLR0913 - each says another thing about one post
        self,
        incident_number: str,
        title: str,
        components: Iterable[str],
        impact: Impact,
        text: str,
        author: str,
        *,
        status: PostStatus = PostStatus.INVESTIGATING,
        is_quiet: bool = False,
    ) -> Post:
        """Tell the public of an incident; `incident_number` is empty when there is none inside.

        A second call for the same number changes nothing and returns the first one's post.
        `components` may be ids, names or services; of an incident's, unknown ones are left out.
        Raises Rejected for texts or components that are none, and for incidents that must not be
        told of.
        """
        affected = self._affected(components, impact.state, is_strict=not incident_number)
        title, text = title_of(title), text_of(text)
        async with self._one_at_a_time:
            known = self.of_incident(incident_number)
            if known is not None:
                return known
            now = self._clock.now_ms()
            first = _update(now, status, text, author, is_quiet=is_quiet)
            post = Post(
                id=_new_id(),
                title=title,
                impact=impact,
                status=status,
                affected=affected,
                updates=(first,),
                incident=incident_number,
                created_ms=now,
                updated_ms=now,
                over_ms=now if status.is_over else 0,
            )
            checked(post)
            if incident_number and self._disclosure is not None:
                await self._disclosure.disclose(incident_number, author)
            return await self._keep(post)

    async def update_post(
        self,
        incident_number: str,
        status: PostStatus,
        text: str,
        author: str,
        *,
        impact: Impact | None = None,
        key: str = "",
    ) -> Post:
        """Tell more of an incident. A second call with the same `key` changes nothing. Raises
        NotFound when the public was told nothing of it."""
        post = self._of(incident_number)
        return await self.tell(post.id, status, text, author, impact=impact, key=key)

    async def resolve_post(self, incident_number: str, text: str, author: str) -> Post:
        """Tell that it is over; nothing changes when that was told already."""
        post = self._of(incident_number)
        if post.status.is_over:
            return post
        return await self.tell(post.id, PostStatus.RESOLVED, text, author)

    async def plan_maintenance(  # noqa: PLR0913 - as above
        self,
        title: str,
        components: Iterable[str],
        text: str,
        author: str,
        *,
        starts_ms: int,
        ends_ms: int,
        is_quiet: bool = False,
    ) -> Post:
        """Announce maintenance. It begins and ends by itself at these times, unless somebody says
        that it does earlier or later."""
        affected = self._affected(components, ComponentState.UNDER_MAINTENANCE, since_ms=starts_ms)
        now = self._clock.now_ms()
        if ends_ms <= now:
            raise Rejected("this maintenance would be over already; give a later end")
        status = PostStatus.SCHEDULED if starts_ms > now else PostStatus.IN_PROGRESS
        first = _update(now, status, text_of(text), author, is_quiet=is_quiet)
        post = Post(
            id=_new_id(),
            kind=PostKind.MAINTENANCE,
            title=title_of(title),
            impact=Impact.NONE,
            status=status,
            affected=affected,
            updates=(first,),
            created_ms=now,
            updated_ms=now,
            starts_ms=starts_ms,
            ends_ms=ends_ms,
        )
        async with self._one_at_a_time:
            return await self._keep(checked(post))

    async def tell(  # noqa: PLR0913 - each says another thing about one update
        self,
        post_id: str,
        status: PostStatus,
        text: str,
        author: str,
        *,
        impact: Impact | None = None,
        states: Sequence[tuple[str, ComponentState]] = (),
        version: int = 0,
        key: str = "",
        is_quiet: bool = False,
    ) -> Post:
        """Add an update. `impact` or `states` say how components are from now on. `version` is the
        one that was read, 0 when it does not matter. Raises StalePost."""
        text = text_of(text)
        async with self._one_at_a_time:
            post = self.get(post_id)
            if key and any(one.key == key for one in post.updates):
                return post
            if version and version != post.version:
                raise StalePost(post)
            now = self._clock.now_ms()
            fresh = _update(now, status, text, author, key=key, is_quiet=is_quiet)
            said = [(name, impact.state) for name in post.components] if impact else []
            said += [(self._components_of([name], True)[0], state) for name, state in states]
            told = tuple(Affected(component=c, state=s, since_ms=now) for c, s in said)
            changed = msgspec.structs.replace(
                post,
                status=status,
                impact=impact or post.impact,
                affected=(*post.affected, *told),
                updates=(*post.updates, fresh),
                over_ms=(post.over_ms or now) if status.is_over else 0,
                updated_ms=now,
                version=post.version + 1,
            )
            return await self._keep(checked(changed))

    async def edit(self, post_id: str, *, version: int, title: str = "", text: str = "") -> Post:
        """Correct the title, or the text of the last update, without telling subscribers again."""
        async with self._one_at_a_time:
            post = self.get(post_id)
            if version != post.version:
                raise StalePost(post)
            updates = post.updates
            if text:
                updates = (*updates[:-1], msgspec.structs.replace(updates[-1], text=text_of(text)))
            changed = msgspec.structs.replace(
                post,
                title=title_of(title) if title else post.title,
                updates=updates,
                updated_ms=self._clock.now_ms(),
                version=post.version + 1,
            )
            return await self._keep(changed)

    async def remove(self, post_id: str) -> Post:
        """Take it off the page for good."""
        async with self._one_at_a_time:
            post = self.get(post_id)
            await self._keeper.forget([post_id])
            del self._posts[post_id]
        self._say_changed()
        return post

    async def move_on(self) -> None:
        """Begin and end maintenance whose time has come, without a mail to subscribers."""
        now = self._clock.now_ms()
        for post in self.posts():
            if post.kind is not PostKind.MAINTENANCE or post.status.is_over:
                continue
            status = None
            if now >= post.ends_ms:
                status = PostStatus.COMPLETED
            elif now >= post.starts_ms and post.status is PostStatus.SCHEDULED:
                status = PostStatus.IN_PROGRESS
            if status is not None:
                await self._move(post, status, now)

    async def _move(self, post: Post, status: PostStatus, now: int) -> None:
        async with self._one_at_a_time:
            fresh = _update(now, status, "", "tocsin", is_quiet=True)
            changed = msgspec.structs.replace(
                post,
                status=status,
                updates=(*post.updates, fresh),
                over_ms=now if status.is_over else 0,
                updated_ms=now,
                version=post.version + 1,
            )
            await self._keep(changed)

    def _affected(
        self,
        components: Iterable[str],
        state: ComponentState,
        *,
        since_ms: int = 0,
        is_strict: bool = True,
    ) -> tuple[Affected, ...]:
        since = since_ms or self._clock.now_ms()
        found = self._components_of(components, is_strict)
        return tuple(Affected(component=one, state=state, since_ms=since) for one in found)

    def _of(self, number: str) -> Post:
        found = self.of_incident(number)
        if found is None:
            raise NotFound(f"the status page tells nothing of {number}; open a post first")
        return found

    async def _keep(self, post: Post) -> Post:
        await self._keeper.save([post])
        self._posts[post.id] = post
        self._say_changed()
        return post

    def _say_changed(self) -> None:
        for listener in self._changed:
            listener()


def _update(
    now: int,
    status: PostStatus,
    text: str,
    author: str,
    *,
    key: str = "",
    is_quiet: bool = False,
) -> PostUpdate:
    return PostUpdate(
        id=_new_id(),
        at_ms=now,
        status=status,
        text=text,
        author=author[:200],
        key=key,
        is_quiet=is_quiet,
    )


def _new_id() -> str:
    """Twelve small letters and digits, as Statuspage's ids are."""
    return "".join(secrets.choice("abcdefghjkmnpqrstvwxyz0123456789") for _ in range(12))
