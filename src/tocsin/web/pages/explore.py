"""Questions in PromQL: the page that `tc-explore` brings to life."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from tocsin.web.pages.render import page
from tocsin.web.routing import Access, Addresses, get

LETTERS = "abcdefgh"
VIEWS = ("graph", "stacked", "table", "heatmap")


@dataclass(frozen=True, slots=True)
class ExploreView:
    """The queries by their letter in the URL, and how the answers are shown."""

    queries: tuple[tuple[str, str], ...]
    shown_as: str
    exemplars: bool
    builder: bool
    explain: bool


def values(query: dict[str, str]) -> ExploreView:
    """The page of a URL's parameters: `a` to `h` hold queries, `view` how they are shown."""
    queries = tuple((letter, query[letter]) for letter in LETTERS if query.get(letter))
    wanted = query.get("view", "")
    return ExploreView(
        queries=queries or (("a", ""),),
        shown_as=wanted if wanted in VIEWS else "graph",
        exemplars=query.get("exemplars") == "1",
        builder=query.get("builder") == "1",
        explain=query.get("explain") == "1",
    )


async def _explore(request: Request) -> Response:
    return page(request, "pages/explore.html", view=values(dict(request.query_params)))


ADDRESSES: Addresses = (get("/explore", _explore, Access.READ),)
