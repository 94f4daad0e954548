"""The page of rules over log lines: written, tried on lines that are there, and put in force."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.ingest.logs.rehearsal import Rehearsal
from tocsin.kit.fault import Fault, NotFound
from tocsin.web.api.log_pipelines import trial
from tocsin.web.csrf import form_of
from tocsin.web.identity import identity
from tocsin.web.pages.render import page
from tocsin.web.routing import Access, Addresses, get, post
from tocsin.web.services import services

_PATH = "/logs/rules"
EXAMPLE = """- name: noisy debug
  when: service:shop level:debug
  do:
    - sample: 10
- name: payments
  when: service:pay "charge"
  do:
    - parse: {form: grok, pattern: "took %{NUMBER:duration_ms} ms"}
    - redact: {pattern: '\\d{4} \\d{4} \\d{4} \\d{4}', by: "[card]"}
    - count: {metric: log_lines_total, by: [service, level]}
"""


@dataclass(frozen=True, slots=True)
class Trial:
    """What rules would change, or why that cannot be told."""

    over: str
    problem: str = ""
    found: Rehearsal | None = None
    of_lines: int = 0

    @property
    def times(self) -> float:
        """For how many lines each one that was looked at stands."""
        lines = self.found.lines if self.found else 0
        return max(1.0, self.of_lines / lines) if lines else 1.0


async def _tried(request: Request, text: str, over: str) -> Trial:
    try:
        found, of_lines = await trial(services(request), text, over)
    except Fault as error:
        return Trial(over, str(error))
    return Trial(over, found=found, of_lines=of_lines)


async def _rules(request: Request) -> Response:
    pipelines = services(request).log_rules.pipelines
    text = pipelines.text
    if added := request.query_params.get("add", "")[:2_000]:
        text = f"{text.rstrip()}\n{added}".lstrip()
    return await _page(request, text)


async def _page(
    request: Request, text: str, problem: str = "", tried: Trial | None = None
) -> Response:
    pipelines = services(request).log_rules.pipelines
    return page(
        request,
        "pages/log_pipelines.html",
        status=400 if problem else 200,
        text=text,
        example=EXAMPLE,
        problem=problem,
        trial=tried,
        pipelines=pipelines,
        seen=pipelines.versions[0].number if pipelines.versions else 0,
    )


async def _preview(request: Request) -> Response:
    """The part that says what the rules would do with the last lines, as they are typed."""
    form = await form_of(request)
    over = "yesterday" if form.get("act") == "yesterday" else "last"
    tried = await _tried(request, str(form.get("rules", "")), over)
    if "hx-request" in request.headers:
        return page(request, "parts/log_trial.html", trial=tried)
    return await _page(request, str(form.get("rules", "")), tried=tried)


async def _save(request: Request) -> Response:
    form = await form_of(request)
    text, seen = str(form.get("rules", "")), str(form.get("seen", ""))
    pipelines = services(request).log_rules.pipelines
    try:
        await pipelines.save(
            text,
            by=identity(request).name,
            note=str(form.get("note", "")),
            seen=int(seen[:9]) if seen.isdecimal() else None,
        )
    except Fault as error:
        return await _page(request, text, str(error))
    return RedirectResponse(_PATH, 303)


async def _revert(request: Request) -> Response:
    await form_of(request)
    pipelines = services(request).log_rules.pipelines
    await pipelines.revert(request.path_params["number"], by=identity(request).name)
    return RedirectResponse(_PATH, 303)


async def _version(request: Request) -> Response:
    """One version, and what it changed of the one before."""
    pipelines = services(request).log_rules.pipelines
    number = request.path_params["number"]
    by_number = {one.number: one for one in pipelines.versions}
    if number not in by_number:
        raise NotFound(f"version {str(number)[:20]} of the rules is not kept, or not any more")
    one, before = by_number[number], by_number.get(number - 1)
    old = before.text.splitlines() if before else []
    changes = list(difflib.unified_diff(old, one.text.splitlines(), lineterm="", n=3))[2:]
    is_newest = one is pipelines.versions[0]
    return page(request, "pages/log_pipeline.html", one=one, changes=changes, is_newest=is_newest)


ADDRESSES: Addresses = (
    get(_PATH, _rules, Access.READ),
    post(f"{_PATH}/try", _preview, Access.READ),
    post(_PATH, _save, Access.ADMIN),
    get(f"{_PATH}/{{number:int}}", _version, Access.READ),
    post(f"{_PATH}/{{number:int}}/revert", _revert, Access.ADMIN),
)
