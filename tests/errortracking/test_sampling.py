"""Errors that are kept stand for those that came, and for no more."""

from __future__ import annotations

from itertools import accumulate

import pytest

from tocsin.errortracking.sampling import Sampler
from tocsin.kit.clock import FakeClock


@pytest.mark.parametrize("keep", [1, 5, 25, 100], ids=lambda keep: f"the first {keep} of a minute")
def test_what_is_kept_never_stands_for_more_than_came(keep: int) -> None:
    sampler = Sampler(FakeClock(1_700_000_000), keep)
    weights = [sampler.weight("print") for _ in range(5_000)]
    assert weights[:keep] == [1] * keep
    for came, told in enumerate(accumulate(weights), start=1):
        assert told <= came
    assert sum(weights) >= 1_000
    assert len([one for one in weights if one]) < 12 * keep + 40
