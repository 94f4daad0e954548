"""How does a page become a response? One environment, one frame, one policy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.model.incidents import Incident
from tocsin.web.oncall_names import OnCallNow, now_of
from tocsin.web.pages import assets, filters, log_filters, modules, timerange, trace_filters
from tocsin.web.pages.timerange import TimeRange
from tocsin.web.services import Services, services

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the rail: `key` is what follows `g` on the keyboard."""

    path: str
    name: str
    icon: str
    key: str


# Parts that have not arrived are not listed: no link leads nowhere.
PLACES = (
    Place("/", "Overview", "overview", "o"),
    Place("/alerts", "Alerts", "bell", "a"),
    Place("/incidents", "Incidents", "incident", "i"),
    Place("/dashboards", "Dashboards", "dashboards", "d"),
    Place("/logs", "Logs", "logs", "l"),
    Place("/traces", "Traces", "traces", "x"),
    Place("/errors", "Errors", "bug", "f"),
    Place("/uptime", "Uptime", "globe", "u"),
    Place("/oncall", "On call", "phone", "c"),
    Place("/explore", "Explore", "explore", "e"),
    Place("/rules", "Rules", "check", "r"),
    Place("/slos", "Objectives", "budget", "b"),
    Place("/routing", "Routing", "routing", "w"),
    Place("/notifications", "Notifications", "mail", "n"),
    Place("/silences", "Silences", "clock", "z"),
    Place("/status-admin", "Status page", "eye", "p"),
    Place("/browse", "Metrics", "metrics", "m"),
    Place("/targets", "Targets", "targets", "t"),
    Place("/system", "System", "system", "y"),
)
_AT_THUMB = ("/", "/alerts", "/incidents", "/logs")
"""What stands at the bottom of a phone: what is looked at when something is wrong."""
_BELONGS = {"postmortems": "/incidents"}
"""Pages, by the first part of their path, that stand below another entry of the rail."""
SETTINGS = Place("/settings", "Settings", "settings", "s")
OWN_SETTINGS = Place("/settings/me", "Settings", "settings", "s")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at the page; the guard puts it into `request.state.viewer`."""

    name: str = ""
    is_admin: bool = False
    may_respond: bool = False
    """Whether the person may acknowledge, silence and plan maintenance."""
    csrf: str = ""
    signed_in: bool = False


@dataclass(frozen=True, slots=True)
class Alarm:
    """The bar across the top edge: nothing is shown when there is none."""

    state: str
    words: str
    path: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What every template may use besides its own values."""

    path: str
    now: float
    time: TimeRange
    viewer: Viewer
    auth_off: bool
    version: str
    query: Mapping[str, str]
    alarm: Alarm | None = None
    on_call: OnCallNow | None = None

    @property
    def settings(self) -> Place:
        """Where settings begin for this person."""
        return (
            SETTINGS if self.viewer.is_admin else Place("/settings/me", "Settings", "settings", "s")
        )

    def is_here(self, place: Place) -> bool:
        """Whether the page belongs to this entry of the rail."""
        path = _BELONGS.get(self.path.split("/", 2)[1], self.path)
        return path == place.path or (place.path != "/" and path.startswith(f"{place.path}/"))

    def with_query(self, **changes: str) -> str:
        """This page's address with some parameters changed; an empty value removes one."""
        changed = {key.rstrip("_"): value for key, value in changes.items()}
        merged = {key: value for key, value in {**self.query, **changed}.items() if value}
        return f"{self.path}?{urlencode(merged)}" if merged else self.path

    def query_with(self, **changes: str) -> str:
        """This page's parameters with some changed, for another page; empty values go."""
        changed = {key.rstrip("_"): value for key, value in changes.items()}
        merged = {key: value for key, value in {**self.query, **changed}.items() if value}
        return urlencode(merged)

    def age(self, moment: float | None) -> str:
        """A live `<time>` of an epoch in seconds."""
        return filters.age(moment, self.now)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The Jinja2 environment: escaping on, an undefined name is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(filters.FILTERS)
    made.filters.update(log_filters.FILTERS)
    made.filters.update(trace_filters.FILTERS)
    made.globals.update(
        asset=assets.url,
        import_map=_import_map,
        PLACES=PLACES,
        AT_THUMB=tuple(place for place in PLACES if place.path in _AT_THUMB),
        QUICK=timerange.QUICK,
        REFRESHES=timerange.REFRESHES,
    )
    return made


def _import_map(*, editor: bool = False) -> Markup:
    return Markup(modules.import_map(editor=editor))


def viewer(request: Request) -> Viewer:
    """Who asks; nobody when the guard has not said."""
    found = getattr(request.state, "viewer", None)
    return found if isinstance(found, Viewer) else Viewer()


def frame(request: Request, alarm: Alarm | None = None) -> Frame:
    """The surroundings of a page that answers this request."""
    given = services(request)
    query = dict(request.query_params)
    now = given.clock.now()
    return Frame(
        path=request.url.path,
        now=now,
        time=timerange.read(query, now),
        viewer=viewer(request),
        auth_off=given.config.auth_off,
        version=given.config.version,
        query=query,
        alarm=alarm or (_alarm(given) if viewer(request).name else None),
        on_call=now_of(given.oncall.rota.roster, given.clock.now_ms())
        if viewer(request).name
        else None,
    )


def _alarm(given: Services) -> Alarm | None:
    """What every page says across its top edge, to those who are signed in."""
    status = given.status()
    if not status.ready:
        return Alarm("critical", f"Tocsin is not ready: {status.reason}", "/system")
    if found := given.incident_feed.open:
        return _incident_alarm(found, given.clock.now())
    targets = given.scrape.targets()
    down = [state.target.job for state in targets if state.health == "down"]
    if not down:
        return None
    words = "1 target is down" if len(down) == 1 else f"{len(down)} targets are down"
    answering = {state.target.job for state in targets if state.health != "down"}
    whole_job = any(job not in answering for job in down)
    return Alarm("critical" if whole_job else "warning", words, "/targets?state=down")


def html(template: str, frame: Frame, **values: Any) -> str:  # Any: each template has its own
    """The text of one template."""
    return environment().get_template(template).render(frame=frame, **values)


def _incident_alarm(found: Sequence[Incident], now: float) -> Alarm:
    """Red while nobody has one of them; where the only one is, else where all are."""
    since = filters.ago(found[0].opened_ms / 1000, now)
    path = f"/incidents/{found[0].number}" if len(found) == 1 else "/incidents"
    waiting = sum(not one.acknowledged_ms for one in found)
    if len(found) == 1:
        one = found[0]
        title = one.title.rstrip(".")
        words = f"{one.severity} {one.number}: {title}, {since}"
    else:
        words = f"{len(found)} incidents are open, the oldest since {since}"
    if waiting:
        words += "; nobody has it" if len(found) == 1 else f"; nobody has {waiting} of them"
    return Alarm("critical" if waiting else "warning", words, path)


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    alarm: Alarm | None = None,
    **values: Any,  # Any: each template has its own values
) -> Response:
    """Answer with a page and its security headers."""
    return respond(html(template, frame(request, alarm), **values), status=status)


def respond(text: str, *, status: int = 200) -> Response:
    """A response of this text with the policy of every page; what a person sees is not kept."""
    headers = {
        "Content-Security-Policy": modules.content_security_policy(),
        "Cache-Control": "private, no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Cookie, HX-Request",
    }
    return Response(text, status, headers, media_type="text/html; charset=utf-8")


def error_page(request: Request, status: int, title: str, words: str) -> Response:
    """A page that says what went wrong, for those who cannot be answered otherwise."""
    return page(request, "pages/error.html", status=status, code=status, title=title, words=words)


def toast(words: str, *, state: str = "ok", refresh: bool = False) -> dict[str, str]:
    """A header that makes htmx show a message, and with `refresh` show the page's live parts anew.

    JSON in a header is ASCII alone.
    """
    events: dict[str, object] = {"tc:toast": {"state": state, "words": words}}
    if refresh:
        events["refresh"] = ""
    return {"HX-Trigger": json.dumps(events)}


def answer_action(
    request: Request, words: str, back: str, *, state: str = "ok", refresh: bool = True
) -> Response:
    """Answer a button: a message for htmx, a redirect to `back` without script."""
    if "hx-request" in request.headers:
        return Response(status_code=204, headers=toast(words, state=state, refresh=refresh))
    return RedirectResponse(back, 303)
