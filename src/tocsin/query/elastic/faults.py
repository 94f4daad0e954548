"""What is wrong with a request, in the words that Elasticsearch's clients know."""

from __future__ import annotations

from tocsin.kit.fault import Rejected


class ElasticFault(Rejected):
    """A request that cannot be answered; `kind` is Elasticsearch's type of the error."""

    def __init__(self, kind: str, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.kind = kind
        self.status = status


def parsing(reason: str) -> ElasticFault:
    """A body of another shape than is understood."""
    return ElasticFault("parsing_exception", reason)


def illegal(reason: str) -> ElasticFault:
    """A value that cannot be."""
    return ElasticFault("illegal_argument_exception", reason)


def no_index(name: str) -> ElasticFault:
    """An index that nobody wrote into."""
    return ElasticFault("index_not_found_exception", f"no such index [{name}]", 404)
