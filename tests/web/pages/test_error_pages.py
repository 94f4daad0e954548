"""An error told for a page: what is open, what is folded, what is cut, and all of it as text."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.pages.samples import frame
from tocsin.errortracking.answers import (
    Act,
    Breadcrumb,
    Content,
    EventRow,
    EventShown,
    Feedback,
    PersonSeen,
    Print,
    ReleaseSeen,
    RequestSeen,
    Thrown,
)
from tocsin.errortracking.answers import Frame as StackFrame
from tocsin.kit.fault import Rejected
from tocsin.model.errors import Issue, IssueState
from tocsin.web.pages.error_actions import act_of, said_of
from tocsin.web.pages.error_asked import Asked, asked_of, issues_asked
from tocsin.web.pages.error_bars import graph_of, growth_of, spark_of
from tocsin.web.pages.error_event import view_of
from tocsin.web.pages.error_frames import Purse, raised_of
from tocsin.web.pages.error_issue import IssueView, TagValue, TagView, Told
from tocsin.web.pages.error_rows import badges_of, rows_of
from tocsin.web.pages.error_snippets import dsn_of, error_snippets
from tocsin.web.pages.errors import ErrorsView
from tocsin.web.pages.render import html

NOW = 1_800_000_000_000
DAY = 86_400_000
HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{7*7}}"""
ISSUE = Issue(
    id=1,
    project="shop",
    title="ValueError: card declined",
    culprit="pay.charge",
    kind="ValueError",
    level=17,
    first_seen_ms=NOW - 30 * DAY,
    last_seen_ms=NOW - 1_000,
    last_release="shop@1.4.2",
    times=12,
)
ROW = EventRow(
    event_id="ab" * 16,
    ts_ns=NOW * 1_000_000,
    issue_id=1,
    project="shop",
    kind="ValueError",
    value="card declined",
    culprit="pay.charge",
    level=17,
    source="sentry",
    platform="python",
    service="shop",
    environment="production",
    release="shop@1.4.2",
    host="web-1",
    user_id="u1",
    trace_id="c" * 32,
    span_id="d" * 16,
    transaction="POST /pay",
    handled=False,
)


def _call(name: str, *, ours: bool = True, line: int = 10) -> StackFrame:
    return StackFrame(
        function=name,
        module="shop.pay" if ours else "aiohttp.web",
        filename="shop/pay.py" if ours else "aiohttp/web.py",
        line=line,
        in_app=ours,
        context="    raise ValueError()",
        before=("def charge():",),
        after=("",),
        variables={"amount": "12"},
    )


def _thrown(*frames: StackFrame, kind: str = "ValueError") -> Thrown:
    return Thrown(kind=kind, value="card declined", frames=frames)


def test_the_newest_call_is_first_and_calls_of_libraries_are_one_fold() -> None:
    frames = (
        _call("main"),
        _call("handle", ours=False),
        _call("serve", ours=False, line=11),
        _call("pay"),
    )
    (raised,) = raised_of((_thrown(*frames),), Purse())
    assert [run.is_ours for run in raised.runs] == [True, False, True]
    assert [one.function for run in raised.runs for one in run.calls] == [
        "pay", "serve", "handle", "main",
    ]  # fmt: skip
    assert raised.runs[0].calls[0].is_open
    assert [line.number for line in raised.runs[0].calls[0].source] == [9, 10, 11]
    assert raised.text.splitlines()[:2] == [
        "ValueError: card declined",
        "    at pay (shop/pay.py:10)",
    ]


def test_what_was_caught_at_last_comes_before_its_cause() -> None:
    chain = (_thrown(_call("query"), kind="OperationalError"), _thrown(_call("pay"), kind="Down"))
    assert [one.kind for one in raised_of(chain, Purse())] == ["Down", "OperationalError"]


def test_a_recursion_is_one_call_that_says_how_often() -> None:
    (raised,) = raised_of((_thrown(_call("main"), *[_call("again")] * 300),), Purse())
    assert [(one.function, one.times) for run in raised.runs for one in run.calls] == [
        ("again", 300),
        ("main", 1),
    ]
    assert raised.frames == 301


def test_of_a_thousand_different_calls_the_newest_and_the_oldest_are_shown() -> None:
    calls = [_call(f"f{number}", line=number) for number in range(1, 1_001)]
    (raised,) = raised_of((_thrown(*calls),), Purse())
    shown = [one.function for run in raised.runs for one in run.calls]
    assert shown[0] == "f1000"
    assert shown[-1] == "f1"
    assert raised.hidden == 600
    assert sum(one.is_open for run in raised.runs for one in run.calls) == 5


def test_where_nothing_is_ours_the_newest_call_is_open() -> None:
    (raised,) = raised_of((_thrown(_call("a", ours=False), _call("b", ours=False)),), Purse())
    assert raised.runs[0].is_ours
    assert raised.runs[0].calls[0].function == "b"


def test_a_megabyte_of_locals_is_cut_and_says_so() -> None:
    huge = msgspec.structs.replace(
        _call("pay"), variables={f"v{number}": "x" * 20_000 for number in range(200)}
    )
    shown = EventShown(event=ROW, content=Content(exceptions=(_thrown(*[huge] * 3),)))
    view = view_of(shown)
    (call,) = view.raised[0].runs[0].calls
    assert view.is_cut
    assert call.variables[0][1].endswith("18,000 more characters")
    assert call.variables[-1] == ("…", "and 140 more")
    assert sum(len(value) for _, value in call.variables) < 150_000


@given(st.lists(st.text(max_size=400), max_size=40), st.integers(0, 3_000))
def test_a_purse_never_gives_more_than_it_has(texts: list[str], most: int) -> None:
    purse = Purse(left=most)
    given_ = [purse.take(text) for text in texts]
    assert purse.left >= 0
    told = sum(len(one.partition("…")[0]) for one in given_ if "more characters" in one)
    assert told <= most


def _whole() -> EventShown:
    h = HOSTILE
    call = StackFrame(
        function=h, module=h, filename=h, path=h, line=3, context=h, before=(h,), variables={h: h}
    )
    library = msgspec.structs.replace(call, in_app=False, function=h + "2")
    content = Content(
        message=h,
        exceptions=(Thrown(kind=h, value=h, module=h, mechanism=h, frames=(call, library)),),
        breadcrumbs=(Breadcrumb(at_ms=NOW - 5, category=h, level=h, message=h, data={h: h}),),
        request=RequestSeen(method=h, url=h, query=h, headers={h: h}, data=h),
        user={h: h},
        contexts={h: {h: h}},
        extra={h: h},
        modules={h: h},
        sdk=h,
        left_out=(h,),
        group_parts=(h,),
        attachments=(h,),
        line_id=h,
    )
    texts = {name: h for name in ROW.__struct_fields__ if isinstance(getattr(ROW, name), str)}
    row = msgspec.structs.replace(ROW, **texts, tags={h: h})
    said = (Feedback(name=h, email=h, comments=h),)
    return EventShown(event=row, content=content, older=h, newer=h, feedback=said)


def _hostile_issue() -> Issue:
    texts = ("project", "title", "culprit", "kind", "first_release", "last_release", "assignee")
    changes = dict.fromkeys((*texts, "platform", "service", "resolved_in"), HOSTILE)
    return msgspec.structs.replace(ISSUE, **changes)


def _view(issue: Issue, shown: EventShown) -> IssueView:
    h = HOSTILE
    return IssueView(
        issue=issue,
        level="error",
        tone="critical",
        badges=badges_of(issue, NOW),
        version="1",
        event=view_of(shown),
        event_problem="",
        of_trace=2,
        graph=graph_of({h: [1, 0, 3]}, [(NOW / 1000 - 100, h)], NOW / 1000 - 300, 100),
        by="release",
        over="24 h",
        tags=[TagView(h, 3, [TagValue(h, 50)], 1)],
        people=[PersonSeen(user_id=h, times=1, first_ms=1, last_ms=2)],
        releases=[ReleaseSeen(release=h, times=1, first_ms=1, last_ms=2)],
        prints=[Print(hash=h, times=1, text=h)] * 2,
        history=[Told(NOW, h, h, "", "")],
        known_people=[h],
        severities=[("P1", h)],
        alert_path="/rules/new",
        problems=[h],
    )


def test_whatever_an_event_says_is_text_on_the_page() -> None:
    shown = frame("/errors/1")
    around = replace(shown, viewer=replace(shown.viewer, may_respond=True))
    issue = _hostile_issue()
    page = html("pages/error_issue.html", around, view=_view(issue, _whole()), me="ana")
    rows = rows_of([issue], {1: [0, 3]}, NOW)
    listed = ErrorsView(
        Asked(q=HOSTILE, project=HOSTILE, release=HOSTILE),
        NOW,
        rows=rows,
        total=1,
        counts={"open": 1, "resolved": 0, "ignored": 0},
        projects=[HOSTILE],
        releases=[HOSTILE],
        environments=[HOSTILE],
        people=[HOSTILE],
    )
    text = html("pages/errors.html", around, view=listed, me=HOSTILE)
    events = html(
        "pages/error_events.html", around, rows=[_whole().event], trace="c", trace_path="c"
    )
    for one in (page, text, events):
        assert "<script>alert" not in one
        assert "<img src=x" not in one
        assert "javascript:" not in one
        assert " style=" not in one
        assert ' onerror=alert(2)>{{7*7}}"' not in one


def test_a_question_that_makes_no_sense_is_said_and_nothing_is_called_well() -> None:
    asked = Asked(q="is:lost")
    view = ErrorsView(asked, NOW, problem="is:lost: known are open, resolved")
    text = html("pages/errors.html", frame("/errors"), view=view, me="ana")
    assert "known are open" in text
    assert 'value="is:lost"' in text
    assert "No open issue" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"first_seen_ms": NOW - 1_000}, ["New"], id="an issue of today is new"),
        pytest.param({"regressed_ms": NOW}, ["Regressed"], id="one that came back says so"),
        pytest.param({}, [], id="an old open one has no mark"),
        pytest.param(
            {"state": IssueState.RESOLVED, "resolved_in": ">1.2"},
            ["Resolved after 1.2"],
            id="one that is over in the next release names the one before",
        ),
        pytest.param(
            {"state": IssueState.IGNORED, "ignored_until_ms": NOW + 7_200_000},
            ["Ignored for 2 h"],
            id="one that is ignored for a time says how long still",
        ),
        pytest.param(
            {"state": IssueState.IGNORED, "ignored_until_times": 112},
            ["Ignored until 112 events in all"],
            id="one that is ignored until it came often says how often",
        ),
        pytest.param({"state": IssueState.IGNORED}, ["Ignored"], id="one that is ignored for ever"),
    ],
)
def test_what_marks_an_issue(changes: dict[str, object], words: list[str]) -> None:
    issue = msgspec.structs.replace(ISSUE, **changes)
    assert [one.words for one in badges_of(issue, NOW)] == words


@pytest.mark.parametrize(
    ("form", "act"),
    [
        pytest.param({"kind": "resolve"}, Act(kind="resolve"), id="resolve now"),
        pytest.param(
            {"kind": "resolve", "release": "next"},
            Act(kind="resolve", release="next"),
            id="resolve in the next release",
        ),
        pytest.param(
            {"kind": "ignore", "hours": "24"},
            Act(kind="ignore", until_ms=NOW + DAY),
            id="ignore for a day",
        ),
        pytest.param(
            {"kind": "ignore", "count": "50", "unit": "people"},
            Act(kind="ignore", people=50),
            id="ignore until a typed count of people",
        ),
        pytest.param(
            {"kind": "assign", "person": " ana "}, Act(kind="assign", person="ana"), id="assign"
        ),
    ],
)
def test_a_form_is_an_act(form: dict[str, str], act: Act) -> None:
    assert act_of(form, NOW) == act
    assert said_of(act, NOW)


@pytest.mark.parametrize(
    "form",
    [
        pytest.param({"kind": "explode"}, id="an act that nobody knows"),
        pytest.param({}, id="no act"),
        pytest.param({"kind": "ignore", "hours": "-3"}, id="a negative time"),
        pytest.param({"kind": "ignore", "count": "9" * 11, "unit": "times"}, id="too many"),
        pytest.param({"kind": "ignore", "count": "", "unit": "times"}, id="no count"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(form: dict[str, str]) -> None:
    with pytest.raises(Rejected):
        act_of(form, NOW)


def test_an_address_says_what_is_asked_and_keeps_it() -> None:
    asked = asked_of({"q": "card", "project": "shop", "state": "new", "page": "3", "order": "x"})
    assert asked == Asked(q="card", project="shop", state="new", page=3)
    assert asked_of({"page": "0", "state": "?", "level": "loud"}) == Asked()
    assert asked.query(state="all") == "/errors?q=card&project=shop&state=all"
    question = issues_asked(Asked(state="regressed", release="a b", page=2), NOW)
    assert question.words == 'release:"a b" is:regressed'
    assert (question.states, question.offset) == (("open",), 50)


def test_a_graph_has_a_colour_for_each_of_the_most_frequent_and_one_for_the_rest() -> None:
    counts = {f"r{number}": [number, 0, 1] for number in range(1, 13)}
    graph = graph_of(counts, [(120.0, "shop 2"), (999.0, "too late")], 100.0, 10.0)
    assert [key.name for key in graph.keys][:2] == ["r12", "r11"]
    assert (graph.keys[-1].name, graph.keys[-1].colour) == ("others", 0)
    assert graph.errors == sum(map(sum, counts.values()))
    assert len(graph.bars) == 2
    assert [mark.words for mark in graph.marks] == ["shop 2"]
    assert all(0 <= part.y <= 100 for bar in graph.bars for part in bar.parts)


def test_a_sparkline_of_nothing_is_empty_and_growth_compares_with_before() -> None:
    assert spark_of([0, 0]) == ""
    assert spark_of([0, 2, 1]).count("M") == 2
    assert growth_of([1] * 18 + [9] * 6) > growth_of([9] * 18 + [1] * 6)


def test_a_dsn_has_the_key_and_the_number_and_stands_in_every_sdks_snippet() -> None:
    dsn = dsn_of("https://tocsin.example.com", "toc_k", 7)
    assert dsn == "https://toc_k@tocsin.example.com/7"
    told = error_snippets("https://tocsin.example.com", dsn, "toc_k", "node")
    assert told[0].name == "Node.js"
    assert sum(dsn in one.text for one in told) == 3
