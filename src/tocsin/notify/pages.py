"""Where in Tocsin is what a message tells of? Addresses that work wherever the message is read."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.notify.kind import Making


def page_of(making: Making, fingerprints: Sequence[str]) -> str:
    """The address of the page of the only alert, or of the page Alerts; empty where
    `listen.external_url` is not given, as nobody elsewhere could follow it."""
    if making.conversation.links is None or not making.templates.external_url:
        return ""
    alerts = f"{making.templates.external_url.rstrip('/')}/alerts"
    return f"{alerts}/{fingerprints[0]}" if len(fingerprints) == 1 else alerts
