"""Errors of one cause have one print; those of others have another."""

from __future__ import annotations

from typing import Any

import pytest

from tests.errortracking.error_world import event, frame
from tocsin.errortracking.fingerprint import grouped, number_of, plain_file, plain_function
from tocsin.errortracking.sentry_event import report
from tocsin.errortracking.template import template


def print_of(raw: dict[str, Any], project: str = "shop") -> str:
    return grouped(report(raw, project, 1).subject).hash


def test_what_is_told_of_a_print_is_bounded() -> None:
    calls = [frame("f" * 400 + str(n)) for n in range(30)]
    chain = [thrown(f"E{n}", calls) for n in range(30)]
    found = grouped(
        report({"exception": chain, "fingerprint": ["{{ default }}"] * 99}, "p", 1).subject
    )
    assert sum(map(len, found.parts)) < 150_000
    assert print_of({"exception": chain, "fingerprint": ["{{default}}", "b"]}) != print_of(
        {"exception": chain, "fingerprint": ["{{default}}", "c"]}
    )


def thrown(kind: str, frames: list[dict[str, Any]], value: str = "") -> dict[str, Any]:
    return {"type": kind, "value": value, "stacktrace": {"frames": frames}}


SAME = {
    "another message": (event(value="card 1"), event(value="card 2")),
    "other lines of the same code": (
        event(),
        {
            "exception": [
                thrown("ValueError", [frame("main", lineno=9), frame("charge", lineno=12)])
            ]
        },
    ),
    "a library that was updated": (
        {"exception": [thrown("E", [frame("a"), frame("x", in_app=False)])]},
        {"exception": [thrown("E", [frame("a"), frame("y", in_app=False)])]},
    ),
    "a bundle that was built anew": (
        {
            "exception": [
                thrown("E", [frame("f", file="https://a.example/static/main.1a2b3c4d.js")])
            ]
        },
        {
            "exception": [
                thrown("E", [frame("f", file="https://b.example/static/main.99ff00aa.js")])
            ]
        },
    ),
    "a recursion that was deeper": (
        event(calls=("main", "walk", "walk")),
        event(calls=("main", "walk", "walk", "walk", "walk")),
    ),
    "a proxy of the virtual machine": (
        {"exception": [thrown("E", [frame("lambda$run$0", module="a.B$$Lambda$14/0x0000")])]},
        {"exception": [thrown("E", [frame("lambda$run$0", module="a.B$$Lambda$99/0x1111")])]},
    ),
    "parameters of a message": (
        {"logentry": {"message": "disk %s full", "params": ["/a"]}},
        {"logentry": {"message": "disk %s full", "params": ["/b"]}},
    ),
    "numbers and ids of a message": (
        {"message": "order 17 of 'ann' failed after 3.5s"},
        {"message": "order 99 of 'bob' failed after 12s"},
    ),
    "what the application says": (
        event(kind="A", fingerprint=["payments"]),
        event(kind="B", calls=("other",), fingerprint=["payments"]),
    ),
    "the default that an application names": (event(), event(fingerprint=["{{ default }}"])),
}

OTHER = {
    "another type": (event(kind="KeyError"), event(kind="ValueError")),
    "another caller of the application's own": (
        event(calls=("main", "charge")),
        event(calls=("worker", "charge")),
    ),
    "another cause behind the same error": (
        {"exception": [thrown("Cause", [frame("a")]), thrown("E", [frame("b")])]},
        {"exception": [thrown("Other", [frame("a")]), thrown("E", [frame("b")])]},
    ),
    "other words": ({"message": "disk full"}, {"message": "disk gone"}),
    "more than the default": (event(), event(fingerprint=["{{ default }}", "tenant 7"])),
    "a variable of the fingerprint": (
        event(fingerprint=["{{ transaction }}"], transaction="/a"),
        event(fingerprint=["{{ transaction }}"], transaction="/b"),
    ),
    "the values of errors without stacks": (
        {"exception": [{"type": "E", "value": "no route"}]},
        {"exception": [{"type": "E", "value": "no host"}]},
    ),
}


@pytest.mark.parametrize(("one", "two"), SAME.values(), ids=SAME)
def test_what_has_one_cause_is_one_issue_despite(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert print_of(one) == print_of(two)


@pytest.mark.parametrize(("one", "two"), OTHER.values(), ids=OTHER)
def test_what_has_another_cause_is_another_issue(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert print_of(one) != print_of(two)


def test_a_print_names_its_version_and_belongs_to_a_project() -> None:
    name = print_of(event())
    assert name.startswith("1:")
    assert number_of(name) == int(name[2:18], 16)
    assert name != print_of(event(), project="other")


def test_a_captured_message_with_a_stack_is_grouped_by_its_words() -> None:
    stack = {"frames": [frame("log")]}
    one = {"message": "cart empty", "exception": {"values": [{"value": "x", "stacktrace": stack}]}}
    two = {**one, "message": "cart full"}
    assert report(one, "shop", 1).title == "cart empty"
    assert print_of(one) != print_of(two)


def test_it_is_said_what_a_print_is_made_of() -> None:
    found = grouped(report(event(), "shop", 1).subject)
    assert (found.by, found.parts) == (
        "stack",
        ("ValueError", "app/shop.py:main", "app/shop.py:charge"),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user 17 not found", "user <num> not found"),
        ("GET https://a.example/x?y=1 timed out", "GET <url> timed out"),
        ("id 6f9619ff-8b86-d011-b42d-00c04fc964ff gone", "id <uuid> gone"),
        ("10.0.0.7:443 refused", "<ip> refused"),
        ("ann@example.com was told", "<email> was told"),
        ("key 'a b' missing", "key <str> missing"),
        ("at 2026-05-04T13:00:00Z", "at <time>"),
        ("can't open 0x7f12", "can't open <hex>"),
        ("commit 1a2b3c4d5e", "commit <hex>"),
        ("utf8 and sha256 stay", "utf8 and sha256 stay"),
        ("deadbeef cafe", "deadbeef cafe"),
    ],
)
def test_what_changes_in_a_message_is_left_out(text: str, expected: str) -> None:
    assert template(text) == expected


@pytest.mark.parametrize(
    ("name", "platform", "expected"),
    [
        ("async Object.run", "node", "run"),
        ("Foo::bar(int, char*)", "native", "Foo::bar"),
        ("shop::charge::h0123456789abcdef", "native", "shop::charge"),
        ("block (2 levels) in charge", "ruby", "charge"),
        ("<anonymous>", "javascript", ""),
        ("main.(*T).run.func1", "go", "main.(*T).run.func"),
        ("run [as handler]", "node", "run"),
    ],
)
def test_functions_are_told_without_what_machines_add(
    name: str, platform: str, expected: str
) -> None:
    assert plain_function(name, platform) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/usr/lib/python3.11/site-packages/flask/app.py", "flask/app.py"),
        ("https://shop.example/static/js/main.8c2f1e9a.js?v=2", "static/js/main.#.js"),
        ("C:\\build\\Shop.cs", "build/Shop.cs"),
        ("app/v2.1.0/cart.py", "app/v#/cart.py"),
    ],
)
def test_files_have_the_same_name_everywhere(name: str, expected: str) -> None:
    assert plain_file(name) == expected
