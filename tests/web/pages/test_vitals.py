from __future__ import annotations

import numpy as np
import pytest

from tocsin.web.pages import vital_queries
from tocsin.web.pages.vital_queries import Questions, questions, window_of
from tocsin.web.pages.vitals import Line, Vitals, Worst, error_ratio, findings

STEP = 15.0


def line(*values: float) -> Line:
    return Line(np.arange(len(values), dtype=np.float64) * STEP, np.array(values, np.float64))


def flat(value: float, *then: float) -> Line:
    return line(*([value] * 20), *then)


def test_an_error_ratio_is_not_known_while_there_are_no_requests() -> None:
    ratio = error_ratio(line(0, 4, 4), line(0, 1, np.nan))
    assert np.isnan(ratio.values[0])
    assert list(ratio.values[1:]) == [0.25, 0.0]


def test_a_service_that_fails_says_how_much_where_and_since_when() -> None:
    vitals = Vitals(rate=flat(2.0, 2, 2, 2), errors=flat(0.0, 0.5, 0.6, 0.7))
    (found,) = findings("shop", vitals, 60, {"shop": Worst("POST /api/orders", 0.9)})
    assert (found.state, found.what) == ("critical", "70 % of shop's requests fail")
    assert found.why == "mostly POST /api/orders, of which 90 % fail"
    assert found.since_s == 20 * STEP


def test_few_errors_overall_are_critical_when_one_route_mostly_fails() -> None:
    vitals = Vitals(rate=flat(20.0), errors=flat(0.0, 0.02))
    assert findings("a", vitals, 60, {})[0].state == "warning"
    assert findings("a", vitals, 60, {"a": Worst("/pay", 0.5)})[0].state == "critical"


@pytest.mark.parametrize(
    "vitals",
    [
        pytest.param(Vitals(), id="nothing is known"),
        pytest.param(Vitals(rate=flat(2), errors=flat(0.0)), id="all is well"),
        pytest.param(Vitals(rate=flat(0.01), errors=flat(0, 1.0)), id="one lone request failed"),
        pytest.param(Vitals(rate=flat(9), slow=flat(0.1, 9.0)), id="slow for one moment"),
        pytest.param(Vitals(rate=flat(0.1), slow=flat(0.1, 9, 9, 9)), id="slow for few requests"),
        pytest.param(Vitals(rate=flat(9), slow=line(9, 9, 9)), id="slow, and nothing to compare"),
        pytest.param(Vitals(memory=flat(40e6, 130e6)), id="grown, but little in all"),
        pytest.param(Vitals(memory=flat(4e9, 4.4e9)), id="grown by a tenth"),
        pytest.param(Vitals(memory=flat(40e6, np.nan)), id="gone"),
    ],
)
def test_nobody_is_woken_by_what_may_be_chance(vitals: Vitals) -> None:
    assert list(findings("shop", vitals, 60, {})) == []


def test_a_service_is_slow_compared_with_itself() -> None:
    vitals = Vitals(rate=flat(9, 9, 9, 9), slow=flat(0.2, 3, 3, 3))
    (found,) = findings("shop", vitals, 60, {})
    assert (found.of, found.state, found.since_s) == ("slow", "warning", 20 * STEP)
    assert found.why == "usually within 200 ms"


def test_memory_that_grows_is_told() -> None:
    (found,) = findings("worker", Vitals(memory=flat(40 << 20, 400 << 20)), 60, {})
    assert found.what == "worker uses 400 MiB of memory"


def test_a_gap_does_not_end_what_is_bad() -> None:
    bad = line(0, 1, np.nan, 1)
    assert bad.since(bad.values >= 1) == STEP


def test_only_what_exists_is_asked_for() -> None:
    assert questions({}, 60) == Questions("", "", "", "", 60)
    asked = questions({"http_requests_total": 3}, 60)
    assert "duration" not in asked.rate + asked.errors + asked.slow
    huge = questions({"http_request_duration_seconds_bucket": 10**6}, 60)
    assert huge.slow == ""


def test_a_question_of_one_job_names_it_in_every_selector() -> None:
    asked = questions({"http_requests_total": 3}, 60).of_job("errors", 'a"b')
    assert asked.count("{") == asked.count(r'{job="a\"b"') == 4


def test_the_window_holds_four_scrapes_and_what_is_pushed() -> None:
    assert window_of([5, 15], has_pushed=False) == 60
    assert window_of([5, 30], has_pushed=False) == 120
    assert window_of([5], has_pushed=True) == 240
    assert window_of([], has_pushed=False) == 60


def test_every_flavour_is_one_that_can_be_asked() -> None:
    names = {one.count for one in vital_queries.FLAVOURS}
    assert len(names) == len(vital_queries.FLAVOURS)


def test_a_sparkline_keeps_its_peaks_and_leaves_gaps_out() -> None:
    values = [1.0] * 240
    values[100], values[7] = 50.0, np.nan
    points = line(*values).spark.split()
    assert (len(points), points.count("50")) == (60, 1)
    assert line(1, np.nan, 2).spark == "1 2"
    assert line(1).spark == ""
