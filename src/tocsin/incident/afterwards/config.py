"""What stands under `incidents.post_mortem` in `tocsin.yaml`?"""

from __future__ import annotations

import msgspec

from tocsin.incident.afterwards.draft import FIELDS, TEMPLATE
from tocsin.incident.words.template import Notation, Template, template_of
from tocsin.kit.document import Document
from tocsin.kit.fault import Rejected
from tocsin.kit.quantity import Duration
from tocsin.kit.typed import decode
from tocsin.model.incidents import Incident


class PostMortemConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How documents about resolved incidents come about."""

    enabled: bool = True
    """Off: nothing is drafted by itself; people may still ask for a draft."""
    after: Duration = Duration(60)
    """How long after the resolution it is drafted; one that is opened again meanwhile has none."""
    severities: tuple[str, ...] = ()
    """Only for incidents of these severities; empty: of all."""
    drills: bool = False
    """For drills too."""
    template: str = TEMPLATE
    """The draft, in Markdown and Jinja2; the guide lists its fields."""
    remind: Duration = Duration(7 * 86_400)
    """How often the owner of an action item hears of it once it is overdue; 0: only once."""
    pdf_font: str = ""
    """Path of a TrueType font for exports to PDF. Without one DejaVu Sans or Noto Sans of the
    machine is taken; without these letters beyond Latin-1 are shown as `?`."""

    def __post_init__(self) -> None:
        self.filling()
        if self.remind and self.remind < 3600:
            raise Rejected(f"remind is at least 1h, or 0; got {self.remind}")

    def filling(self) -> Template:
        """The template, checked. Raises Rejected for one that names unknown fields."""
        return template_of(self.template, Notation.JINJA2, FIELDS)

    def wants(self, incident: Incident) -> bool:
        """Whether a document is drafted about it by itself."""
        if not self.enabled or incident.merged_into or (incident.is_drill and not self.drills):
            return False
        return not self.severities or incident.severity in self.severities


def read_config(document: Document | None, severities: tuple[str, ...] = ()) -> PostMortemConfig:
    """Raises ConfigError with the place of the first mistake; `severities` are those there are."""
    if document is None:
        return PostMortemConfig()
    config = decode(document, PostMortemConfig)
    for one in config.severities:
        if severities and one not in severities:
            raise document.error(
                f"unknown severity {one!r}; known: {', '.join(severities)}", "severities"
            )
    return config
