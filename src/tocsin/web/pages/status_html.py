"""How does the public page come about? All that is served is made here, before anybody asks."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from markupsafe import Markup, escape

from tocsin.kit.quantity import Duration
from tocsin.statuspage import feeds, statuspage_json
from tocsin.statuspage.board import Document, Site
from tocsin.statuspage.component_state import ComponentState
from tocsin.statuspage.days import DAY_MS
from tocsin.statuspage.snapshot import Look, ShownComponent, ShownPost, Snapshot
from tocsin.statuspage.svg_badge import svg_badge
from tocsin.web.pages.render import environment

BELOW = "/status"
OWN = "@"
"""Before the paths of what is made for a host of its own: its links begin at the top."""
_RECENT_MS = 14 * DAY_MS
_MOST_MONTHS = 36
_LEAST_PACKED = 500
_BAR, _HIGH = 4, 32


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the history, as `2026-11`; `earlier` and `later` are empty at the ends."""

    name: str
    posts: Sequence[ShownPost]
    earlier: str
    later: str


class SiteMaker:
    """Makes everything of a snapshot; pages of what has not changed are taken over."""

    def __init__(self) -> None:
        self._pages: dict[bytes, Document] = {}

    def __call__(self, snapshot: Snapshot) -> Site:
        """Everything, by its path below the page."""
        site: dict[str, Document] = {}
        for path, body in statuspage_json.documents(snapshot).items():
            site[path] = document(body, "application/json; charset=utf-8")
        site["history.rss"] = document(feeds.rss(snapshot), "application/rss+xml; charset=utf-8")
        site["history.atom"] = document(feeds.atom(snapshot), "application/atom+xml; charset=utf-8")
        calendar = feeds.calendar(snapshot)
        site["maintenance.ics"] = document(calendar, "text/calendar; charset=utf-8")
        site["brand.css"] = document(brand_css(snapshot.look), "text/css; charset=utf-8")
        for path, body in _badges(snapshot):
            site[path] = document(body, "image/svg+xml; charset=utf-8")
        pages: dict[bytes, Document] = {}
        site.update(self._html(snapshot, BELOW, "", pages))
        if snapshot.look.has_host:
            site.update(self._html(snapshot, "", OWN, pages))
        self._pages = pages
        return site

    def _html(
        self, snapshot: Snapshot, base: str, before: str, pages: dict[bytes, Document]
    ) -> Iterator[tuple[str, Document]]:
        recent = [one for one in snapshot.past if one.over_ms >= snapshot.made_ms - _RECENT_MS]
        yield before, _page("index", snapshot.look, base, snapshot=snapshot, recent=recent)
        look = msgspec.json.encode((base, snapshot.look))

        def kept(name: str, **values: Month | ShownPost) -> Document:
            key = hashlib.blake2b(look + msgspec.json.encode(values)).digest()
            pages[key] = self._pages.get(key) or _page(name, snapshot.look, base, **values)
            return pages[key]

        for number, month in enumerate(_months(snapshot)):
            made = kept("history", month=month)
            yield f"{before}history/{month.name}", made
            if number == 0:
                yield f"{before}history", made
        for post in snapshot.posts:
            yield f"{before}incidents/{post.id}", kept("post", post=post)


def document(body: bytes, media_type: str) -> Document:
    """As it is served."""
    packed = gzip.compress(body, 6, mtime=0) if len(body) >= _LEAST_PACKED else b""
    etag = hashlib.sha256(body).hexdigest()[:24]
    return Document(body, packed, media_type, f'"{etag}"')


def sheet(look: Look, base: str, **values: object) -> str:
    """A page with one message or question."""
    return _text("sheet", look, base, values)


def post_page(look: Look, base: str, post: ShownPost) -> str:
    """One post as the public will read it."""
    return _text("post", look, base, {"post": post})


def _page(name: str, look: Look, base: str, **values: object) -> Document:
    return document(_text(name, look, base, values).encode(), "text/html; charset=utf-8")


def _text(name: str, look: Look, base: str, values: dict[str, object]) -> str:
    template = environment().get_template(f"status/{name}.html")
    return template.render(
        look=look,
        w=look.words,
        base=base,
        brand=_digest(look),
        bars=bars,
        short=short,
        when=when,
        **values,
    )


def _digest(look: Look) -> str:
    return hashlib.sha256(brand_css(look)).hexdigest()[:12]


def when(at_ms: int) -> Markup:
    """A `<time>` in UTC, which every reader can convert."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{at:%Y-%m-%d %H:%M} UTC"
    )


def bars(component: ShownComponent, look: Look) -> Markup:
    """One bar a day; those without data are low and grey, so that colour is not all that tells."""
    words = {name: str(escape(text)) for name, text in look.words.items()}
    shapes = []
    for number, day in enumerate(component.days):
        if day.state is None:
            high, name, said = _HIGH // 4, "no-data", words["unknown"]
        else:
            high = _HIGH if day.state is ComponentState.OPERATIONAL else _HIGH - 4
            name, said = day.state.value, words[day.state.value]
        if day.down_s:
            said += f", {short(day.down_s)}"
        shapes.append(
            f'<rect class="{name}" x="{number * _BAR}" y="{_HIGH - high}" width="{_BAR - 1}" '
            f'height="{high}"><title>{day.date}: {said}</title></rect>'
        )
    wide = len(component.days) * _BAR - 1
    return Markup(
        f'<svg class="bars" viewBox="0 0 {wide} {_HIGH}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(_spoken(component, look))}">{"".join(shapes)}</svg>'
    )


def short(seconds: int) -> str:
    """`3h 20m`; at least a minute."""
    minutes = max(60, round(seconds / 60) * 60)
    return str(Duration(minutes))


def _spoken(component: ShownComponent, look: Look) -> str:
    percent = f"{component.percent} % {look.words['uptime']}" if component.percent else ""
    return f"{component.name}: {percent or look.words['no_data_yet']}"


def _months(snapshot: Snapshot) -> list[Month]:
    """From this one back to the first that has a post, the newest first."""
    by_month: dict[str, list[ShownPost]] = {}
    for post in snapshot.posts:
        by_month.setdefault(_month(post.begins_ms), []).append(post)
    newest = max([_month(snapshot.made_ms), *by_month])
    names = [newest]
    oldest = min([newest, *by_month])
    while names[-1] > oldest and len(names) < _MOST_MONTHS:
        year, month = (int(part) for part in names[-1].split("-"))
        names.append(f"{year - (month == 1):04d}-{(month - 2) % 12 + 1:02d}")
    return [
        Month(
            name=name,
            posts=by_month.get(name, []),
            earlier=names[at + 1] if at + 1 < len(names) else "",
            later=names[at - 1] if at else "",
        )
        for at, name in enumerate(names)
    ]


def _month(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m}"


def _badges(snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    words, look = snapshot.look.words, snapshot.look
    whole = None if snapshot.headline == "unknown" else snapshot.state
    yield "badge.svg", svg_badge(look.title, words[f"all_{snapshot.headline}"], whole)
    for one in snapshot.components:
        said = words["unknown"] if one.state is None else words[one.state.value]
        yield f"badge/{one.id}.svg", svg_badge(one.name, said, one.state)


def brand_css(look: Look) -> bytes:
    """The chosen colours, which a strict policy allows in a style sheet alone."""
    both = {"--head": look.header, "--on-head": look.header_text}
    themes = {"light": {"--accent": look.accent}, "dark": {"--accent": look.accent_dark}}
    lines = [f":root{{{_set(both)}}}"]
    for theme, colours in themes.items():
        lines.append(f"@media (prefers-color-scheme:{theme}){{:root{{{_set(colours)}}}}}")
    return "\n".join([*lines, ""]).encode()


def _set(colours: dict[str, str]) -> str:
    return "".join(f"{name}:{colour};" for name, colour in colours.items() if colour)
