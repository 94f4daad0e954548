"""The buttons and fields of the errors' pages: what people do with issues."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, cast, get_args

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.errortracking.answers import Act
from tocsin.incident.book import Author, Draft
from tocsin.kit.fault import Rejected
from tocsin.model.errors import Issue
from tocsin.model.incidents import Link
from tocsin.state.error_issues import StaleIssue
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages.filters import ago, grouped
from tocsin.web.pages.render import answer_action, error_page, toast
from tocsin.web.routing import Access, Addresses, Handler, post
from tocsin.web.services import Services, services

_HOUR_MS = 3_600_000
_MOST_CHOSEN = 200
_MOST = 10**9
_NUMBER = re.compile(r"(?:.*/errors/)?#?(\d{1,15})(?:[/?#].*)?")
_DONE = {
    "resolve": "Resolved: it opens again when it comes back.",
    "reopen": "Open again.",
    "comment": "Said.",
}

Form = Mapping[str, str]
_Kind = Literal["resolve", "reopen", "ignore", "assign", "comment", "link"]


def act_of(form: Form, now_ms: int) -> Act:
    """What a form asks for. Raises Rejected for what makes no sense."""
    kind = form.get("kind", "")
    if kind not in get_args(_Kind):
        raise Rejected(f"{kind[:40]!r} is nothing that can be done with an issue")
    counts = dict.fromkeys(("hours", "times", "people"), 0)
    unit = form.get("unit", "")
    if unit in counts:
        counts[unit] = _count(form.get("count", ""))
    counts |= {name: _count(form[name]) for name in counts if form.get(name)}
    return Act(
        kind=cast("_Kind", kind),
        release=form.get("release", "").strip(),
        until_ms=now_ms + counts["hours"] * _HOUR_MS if counts["hours"] else 0,
        times=counts["times"],
        people=counts["people"],
        person=form.get("person", "").strip(),
        text=form.get("text", ""),
        incident=form.get("incident", "").strip(),
    )


def _count(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 0 < int(text) <= _MOST):
        raise Rejected(f"{text[:40]!r} is not a count; write a whole number from 1 on")
    return int(text)


def said_of(act: Act, now_ms: int) -> str:
    """What a button did, in words."""
    if act.kind == "resolve" and act.release:
        where = "the next release" if act.release == "next" else act.release
        return f"Resolved in {where}: it opens again when that one has it."
    if act.kind == "ignore":
        ends = [ago(act.until_ms / 1000, now_ms / 1000)] if act.until_ms else []
        ends += [f"after {grouped(act.times)} more events"] if act.times else []
        ends += [f"with {grouped(act.people)} more people"] if act.people else []
        return f"Ignored: it is shown again {' or '.join(ends)}." if ends else "Ignored for ever."
    if act.kind == "assign":
        return f"Assigned to {act.person}." if act.person else "Assigned to nobody."
    if act.kind == "link":
        return f"Belongs to {act.incident} now." if act.incident else "Belongs to no incident."
    return _DONE[act.kind]


async def _act(request: Request) -> Response:
    """Do what the form says in the name of whoever asks."""
    given, number = services(request), int(request.path_params["id"])
    form = {key: str(value) for key, value in (await form_of(request)).items()}
    now, version = given.clock.now_ms(), form.get("version", "")
    act = act_of(form, now)
    known = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None
    try:
        await given.issues.act(number, act, identity(request).name, version=known)
    except StaleIssue as stale:
        return _conflict(request, await _who_changed(given, number, stale.now))
    return answer_action(request, said_of(act, now), f"/errors/{number}")


async def _who_changed(given: Services, number: int, now: Issue) -> str:
    """Who did what since the page was drawn, as its history tells."""
    acts = [one for one in await given.issues.acts(number) if one.kind != "comment"]
    if not acts:
        return f"Somebody changed it meanwhile: it is {now.state.value} now."
    last, seconds = acts[-1], given.clock.now()
    what = (last.text or last.kind)[:300]
    return f"{last.author} was first, {ago(last.at_ms / 1000, seconds)}: {what}."


def _conflict(request: Request, words: str) -> Response:
    if "hx-request" in request.headers:
        headers = toast(f"{words} Look again.", state="warning", refresh=True)
        return Response(status_code=409, headers=headers)
    told = f"{words} Go back, look at it again, and repeat what still applies."
    return error_page(request, 409, "Somebody changed it meanwhile", told)


def _toasted(act: Handler) -> Handler:
    """A mistake is said beside the button, where there is script."""

    async def handler(request: Request) -> Response:
        try:
            return await act(request)
        except Rejected as error:
            if "hx-request" not in request.headers:
                raise
            return answer_action(request, str(error), "", state="warning", refresh=False)

    return handler


async def _bulk(request: Request) -> Response:
    """One act for all that were chosen."""
    given, form = services(request), await form_of(request)
    ids = _chosen(form)
    do, author = str(form.get("do") or ""), identity(request).name
    if do == "merge":
        words, state = await _merged(given, ids, author), "ok"
    else:
        now = given.clock.now_ms()
        act = act_of({"kind": do, "person": str(form.get("person") or "")}, now)
        words, state = _outcome(await given.issues.act_on(ids, act, author), said_of(act, now))
    back = str(form.get("back") or "")
    return answer_action(
        request, words, f"/errors?{back}" if back else "/errors", state=state, refresh=True
    )


def _chosen(form: FormData) -> list[int]:
    told = [str(one) for one in form.getlist("id")]
    if not all(one.isascii() and one.isdigit() and len(one) < 16 for one in told):
        raise Rejected("an issue is named by its number")
    ids = list(dict.fromkeys(int(one) for one in told))
    if not ids:
        raise Rejected("choose at least one issue")
    if len(ids) > _MOST_CHOSEN:
        raise Rejected(f"{len(ids)} issues are chosen; at most {_MOST_CHOSEN} are changed at once")
    return ids


def _outcome(problems: Mapping[int, str], said: str) -> tuple[str, str]:
    """What became of the act, and how it looks."""
    failed = {number: why for number, why in problems.items() if why}
    done = len(problems) - len(failed)
    words = f"{done} issue{'' if done == 1 else 's'}: {said}" if done else ""
    if not failed:
        return words, "ok"
    number, why = next(iter(failed.items()))
    rest = f", and {len(failed) - 1} more not either" if len(failed) > 1 else ""
    return f"{words} Issue {number} not: {why}{rest}".strip(), "warning"


async def _merged(given: Services, ids: Sequence[int], author: str) -> str:
    """All become the one that was seen first."""
    if len(ids) < 2:
        raise Rejected("choose at least two issues to be merged")
    known = [await given.issues.get(one) for one in ids]
    first = min(known, key=lambda one: (one.first_seen_ms, one.id))
    others = [one.id for one in known if one.id != first.id]
    await given.issues.merge(first.id, others, author)
    return f"{len(known)} issues are issue {first.id} now. They can be split off again there."


async def _merge(request: Request) -> Response:
    form = await form_of(request)
    number = int(request.path_params["id"])
    found = _NUMBER.fullmatch(str(form.get("into") or "").strip())
    if found is None:
        raise Rejected("name the other issue by its number or its address")
    into = await services(request).issues.merge(int(found[1]), [number], identity(request).name)
    return RedirectResponse(f"/errors/{into.id}", 303)


async def _unmerge(request: Request) -> Response:
    form = await form_of(request)
    hashes = [str(one) for one in form.getlist("hash")]
    if not hashes:
        raise Rejected("choose at least one fingerprint to be split off")
    number = int(request.path_params["id"])
    made = await services(request).issues.unmerge(number, hashes, identity(request).name)
    return RedirectResponse(f"/errors/{made.id}", 303)


async def _delete(request: Request) -> Response:
    form = await form_of(request)
    number = int(request.path_params["id"])
    await services(request).issues.delete(
        number, identity(request).name, discard=bool(form.get("discard"))
    )
    return RedirectResponse("/errors", 303)


async def _incident(request: Request) -> Response:
    """Open an incident that names the issue."""
    given, form = services(request), await form_of(request)
    issue = await given.issues.get(int(request.path_params["id"]))
    author = identity(request).name
    draft = Draft(
        severity=str(form.get("severity") or ""),
        title=str(form.get("title") or ""),
        description=issue.culprit,
        services=(issue.service,) if issue.service else (),
    )
    made = await given.incidents.open(draft, Author(author, "page"))
    link = Link(kind="error", ref=str(issue.id), title=issue.title[:200], url=f"/errors/{issue.id}")
    await given.incidents.link(made.number, (link,), Author(author, "page"))
    await given.issues.act(issue.id, Act(kind="link", incident=made.number), author)
    return RedirectResponse(f"/incidents/{made.number}", 303)


ADDRESSES: Addresses = (
    post("/errors/bulk", _toasted(_bulk), Access.RESPOND),
    post("/errors/{id:int}/act", _toasted(_act), Access.RESPOND),
    post("/errors/{id:int}/merge", _merge, Access.RESPOND),
    post("/errors/{id:int}/unmerge", _unmerge, Access.RESPOND),
    post("/errors/{id:int}/delete", _delete, Access.RESPOND),
    post("/errors/{id:int}/incident", _incident, Access.RESPOND),
)
