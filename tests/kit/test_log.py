"""Strangers' words can neither forge a line of the log nor command the terminal it is read on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from tocsin.kit import gauge, log

_FORGED = "evil\n2026-01-01 [info] forged\r\x1b[2J\x1b]0;title\x07\x9b31m\u2028\u202eend"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("as_json", [True, False])
def test_no_value_makes_a_line_or_a_command(
    capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    log.configure(as_json=as_json)
    log.get("x").info("scrape_failed", error=_FORGED, url="http://a\x1b[2J", more=[_FORGED])
    logging.getLogger("library").warning("it said %s", _FORGED)
    lines = capsys.readouterr().err.split("\n")
    assert len(lines) == 3
    assert lines[2] == ""
    assert all(char.isprintable() for line in lines for char in line)
    assert "forged" in lines[0]
    assert "forged" in lines[1]


def test_what_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full").open("w")  # noqa: SIM115 - closing it fails, too
    try:
        monkeypatch.setattr("sys.stderr", full)
        log.configure(as_json=False)
        before = _lost_lines()
        log.get("x").error("commit_given_up")
        log.get("x").info("disk_has_room")
        assert _lost_lines() == before + 2
    finally:
        with suppress(OSError):
            full.close()


def test_a_traceback_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(as_json=False)
    try:
        int("bad\x1b[2J")
    except ValueError:
        log.get("x").exception("crashed")
    try:
        getattr(log, "bad\x1b[2J")
    except AttributeError:
        log.get("x").exception("crashed")
    written = capsys.readouterr().err
    assert "Traceback (most recent call last):\n" in written
    assert r"\x1b[2J" in written
    assert "\x1b" not in written


def test_what_is_only_tried_is_not_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(as_json=True)
    with gauge.rehearsal():
        log.get("x").warning("rule_failed")
    log.get("x").warning("rule_worked")
    assert "rule_failed" not in (said := capsys.readouterr().err)
    assert "rule_worked" in said


def _lost_lines() -> float:
    return gauge.REGISTRY.get_sample_value("tocsin_log_lines_lost_total") or 0.0
