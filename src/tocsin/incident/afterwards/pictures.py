"""Which pictures does a document show? Graphs of kept evidence, and images of the timeline."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tocsin.incident.afterwards.markdown import own_picture
from tocsin.incident.evidence.bundle import Bundle, Graph
from tocsin.incident.evidence.document import marks_of
from tocsin.incident.evidence.drawing import Mark, svg
from tocsin.incident.evidence.keep import KIND, bundle_of
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.incidents import Incident
from tocsin.state.incidents import IncidentTable

_ADDRESS = re.compile(r"(?:/api)?/incidents/INC-[\w/.-]{1,200}")
_MOST = 50


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: an image's bytes, or a graph to be drawn with its marks."""

    media_type: str
    content: bytes
    graph: Graph | None = None
    marks: Sequence[Mark] = ()

    @property
    def data_url(self) -> str:
        """The picture within an address."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.content).decode()}"


def graph_picture(bundle: Bundle, graph_id: str) -> Picture:
    """A graph of a file. Raises NotFound."""
    graph = next((one for one in bundle.graphs if one.id == graph_id), None)
    if graph is None:
        raise NotFound(f"the evidence has no graph {graph_id}")
    marks = marks_of(bundle)
    return Picture("image/svg+xml", str(svg(graph, marks)).encode(), graph, marks)


async def load(table: IncidentTable, incident: Incident, text: str) -> Mapping[str, Picture]:
    """The first 50 pictures of this incident that the text names, by address; what is gone is not
    among them."""
    found: dict[str, Picture] = {}
    bundles: dict[int, Bundle] = {}
    for address in dict.fromkeys(_ADDRESS.findall(text)):
        named = own_picture(address)
        if named is None or named["number"] != incident.number or len(found) >= _MOST:
            continue
        try:
            if named["image"]:
                kept = await table.attachment(incident.id, int(named["image"]))
                if kept.kind == "image":
                    found[address] = Picture(kept.media_type, kept.content)
                continue
            its_id = int(named["evidence"])
            if its_id not in bundles:
                kept = await table.attachment(incident.id, its_id)
                if kept.kind != KIND:
                    continue
                bundles[its_id] = await asyncio.to_thread(bundle_of, kept.content)
            found[address] = graph_picture(bundles[its_id], named["graph"])
        except (NotFound, Rejected):
            continue  # the words of the picture are shown instead
    return found
