"""Which texts of a receiver are no templates? Alertmanager finds out when it has to tell."""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.kit.document import Document, Entries, Items, Node, Scalar
from tocsin.kit.fault import Rejected
from tocsin.notify.templates import Templates


def template_advice(part: Document, templates: Templates) -> list[str]:
    """One line for each, with its place. The text itself is not shown: it may hold a secret."""
    found = []
    for scalar in _scalars(part.node):
        try:
            templates.check(scalar.text)
        except Rejected as error:
            found.append(f"{scalar.place}: {error}; no message can be made with it")
    return found


def _scalars(node: Node) -> Iterator[Scalar]:
    match node:
        case Scalar():
            yield node
        case Items():
            for item in node.nodes:
                yield from _scalars(item)
        case Entries():
            for child in node.nodes.values():
                yield from _scalars(child)
