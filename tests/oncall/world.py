"""A configuration of on-call that tests change."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from tocsin.kit.yaml import loads
from tocsin.oncall.calendar_file import CalendarFiles
from tocsin.oncall.reading import OnCallPlan, read_on_call
from tocsin.oncall.roster import Roster

CONFIG = """
default_schedule: primary
people:
  ana:
    full_name: Ana Lima
    email: ana@example.com
    timezone: Europe/Lisbon
    methods:
    - {name: phone, kind: push}
    - {name: sms, kind: sms, address: "+4915112345678"}
    - {name: mail, kind: email}
    rules:
      high: [{method: phone}, {method: sms, after: 2m}]
      low: [{method: mail}]
  bo: {full_name: Bo Lind, email: bo@example.com, methods: [{kind: push}]}
  cai: {methods: [{kind: push}]}
teams:
  core: {members: [ana, bo]}
schedules:
  primary:
    timezone: Europe/Berlin
    layers:
    - name: main
      people: [ana, bo, cai]
      rotation: weekly
      handoff: Mon 09:00
      start: 2026-01-19
"""
NOW = "2026-10-20 12:00"


def at(text: str, zone: str = "Europe/Berlin") -> int:
    """Milliseconds of what the clocks show."""
    shown = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return round(shown.timestamp() * 1000)


def plan_of(text: str, folder: Path = Path(), kept: Path | None = None) -> OnCallPlan:
    """What that comes to, read on a day of October 2026."""
    calendars = CalendarFiles(folder, kept)
    return read_on_call(loads(text, "tocsin.yaml"), calendars, at(NOW), ("wake",))


def read(text: str) -> Roster:
    """The people and schedules of that text."""
    return plan_of(text).roster
