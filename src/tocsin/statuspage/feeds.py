"""The page as RSS 2.0, Atom (RFC 4287) and iCalendar (RFC 5545)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from tocsin.statuspage.post import PostKind
from tocsin.statuspage.snapshot import ShownPost, ShownUpdate, Snapshot

_LISTED = 50
_ATOM = "http://www.w3.org/2005/Atom"


def rss(snapshot: Snapshot) -> bytes:
    """One item for each post, which is read again when it changes."""
    look = snapshot.look
    root = Element("rss", {"version": "2.0", "xmlns:atom": _ATOM})
    channel = SubElement(root, "channel")
    _texts(
        channel,
        title=look.title,
        link=look.address,
        description=look.description or look.title,
        language=look.language,
    )
    own = {"href": f"{look.address}/history.rss", "rel": "self", "type": "application/rss+xml"}
    SubElement(channel, "atom:link", own)
    posts = _newest(snapshot)
    if posts:
        _texts(channel, lastBuildDate=_rfc2822(max(one.updated_ms for one in posts)))
    for post in posts:
        item = SubElement(channel, "item")
        link = _address(snapshot, post)
        _texts(item, title=post.title, link=link, description=_text(snapshot, post))
        SubElement(item, "guid", {"isPermaLink": "false"}).text = _name(snapshot, post)
        _texts(item, pubDate=_rfc2822(post.updated_ms))
    return _bytes(root)


def atom(snapshot: Snapshot) -> bytes:
    """One entry for each post."""
    look = snapshot.look
    root = Element("feed", {"xmlns": _ATOM, "xml:lang": look.language})
    posts = _newest(snapshot)
    updated = max((one.updated_ms for one in posts), default=0)
    _texts(root, id=f"{look.address}/", title=look.title, updated=_rfc3339(updated))
    own = {"href": f"{look.address}/history.atom", "rel": "self", "type": "application/atom+xml"}
    SubElement(root, "link", own)
    SubElement(root, "link", {"href": look.address, "rel": "alternate", "type": "text/html"})
    _texts(SubElement(root, "author"), name=look.title)
    for post in posts:
        entry = SubElement(root, "entry")
        _texts(
            entry,
            id=_name(snapshot, post),
            title=post.title,
            published=_rfc3339(post.created_ms),
            updated=_rfc3339(post.updated_ms),
        )
        SubElement(entry, "link", {"href": _address(snapshot, post), "rel": "alternate"})
        SubElement(entry, "content", {"type": "text"}).text = _text(snapshot, post)
    return _bytes(root)


def calendar(snapshot: Snapshot) -> bytes:
    """Maintenance, planned and past, to subscribe to."""
    # Imported here: what writes calendars is a twentieth of the time that Tocsin takes to start.
    from icalendar import Calendar, Event

    look = snapshot.look
    made = Calendar()
    made.add("prodid", "-//Tocsin//Status page//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", look.title)
    for post in snapshot.posts:
        if post.kind is not PostKind.MAINTENANCE:
            continue
        event = Event()
        event.add("uid", f"{post.id}@{urlsplit(look.address).hostname or 'status'}")
        event.add("summary", post.title)
        event.add("dtstamp", _utc(post.updated_ms))
        event.add("last-modified", _utc(post.updated_ms))
        event.add("dtstart", _utc(post.starts_ms))
        event.add("dtend", _utc(post.ends_ms))
        event.add("description", _text(snapshot, post))
        event.add("url", _address(snapshot, post))
        event.add("transp", "TRANSPARENT")
        made.add_component(event)
    return bytes(made.to_ical())


def _newest(snapshot: Snapshot) -> Sequence[ShownPost]:
    return sorted(snapshot.posts, key=lambda one: one.updated_ms, reverse=True)[:_LISTED]


def _address(snapshot: Snapshot, post: ShownPost) -> str:
    return f"{snapshot.look.address}/incidents/{post.id}"


def _name(snapshot: Snapshot, post: ShownPost) -> str:
    """RFC 4151: it stays when the page moves."""
    host = urlsplit(snapshot.look.address).hostname or "status"
    return f"tag:{host},2024:{post.id}"


def _text(snapshot: Snapshot, post: ShownPost) -> str:
    words = snapshot.look.words
    parts = [_line(one, words.get(one.status.value, one.status.value)) for one in post.updates]
    if post.components:
        names = ", ".join(name for _, name in post.components)
        parts.append(f"{words.get('affects', 'Affects')}: {names}")
    return "\n\n".join(parts)


def _line(one: ShownUpdate, status: str) -> str:
    at = f"{_utc(one.at_ms):%Y-%m-%d %H:%M} UTC"
    return f"{status} ({at}): {one.text}" if one.text else f"{status} ({at})"


def _texts(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = text


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)


def _rfc2822(at_ms: int) -> str:
    return format_datetime(_utc(at_ms))


def _rfc3339(at_ms: int) -> str:
    return f"{_utc(at_ms):%Y-%m-%dT%H:%M:%SZ}"


def _bytes(root: Element) -> bytes:
    body: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return body
