"""A source without series."""

from __future__ import annotations

from tocsin.query.logql.engine import Leaves
from tocsin.query.logql.windows import Steps

NOTHING = Leaves({}, Steps(0, 1, 1, 1, 0))
