"""What callers show: keys, names with passwords, and what browsers accept."""

from __future__ import annotations

import base64

from tests.web.site import Site
from tocsin.state.tokens import Scope

HTML = "text/html,application/xhtml+xml"


async def key(site: Site, *scopes: Scope, origins: tuple[str, ...] = ()) -> str:
    text, _ = await site.people.tokens.create("ci", scopes, created_by="ann", origins=origins)
    return text


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
