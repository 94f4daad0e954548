"""Pushgateway: groups are replaced, merged, repeated and ended."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest import write_messages as messages
from tests.ingest.asgi import Site, site
from tocsin.ingest.config import IngestConfig, PushgatewayConfig
from tocsin.ingest.protocols import pushgateway
from tocsin.ingest.repeating import Repeating
from tocsin.kit.fault import Rejected
from tocsin.model.samples import is_stale

NOW = 1_700_000_000_000
TEXT = "text/plain; version=0.0.4"
BODY = b"""# TYPE done counter
done{worker="1"} 5
# TYPE took histogram
took_bucket{le="+Inf"} 2
took_sum 3
took_count 2
"""


def ended(here: Site) -> set[str]:
    """The metrics of the series that the last batch ended."""
    batch = here.kept.batches[-1]
    stale = batch.refs[is_stale(batch.values)].tolist()
    return {dict(here.registry.labels(ref))["__name__"] for ref in stale}


async def test_a_put_group_is_written_at_once_and_at_every_tick() -> None:
    here = site()
    path = "/metrics/job/backup/db/main"
    answer = await here.call("PUT", path, BODY, content_type=TEXT)
    assert (answer.status, answer.body) == (200, b"")
    group = 'db="main", job="backup"'
    assert here.values() == {
        f'done{{{group}, worker="1"}}': 5.0,
        f'took_bucket{{{group}, le="+Inf"}}': 2.0,
        f"took_sum{{{group}}}": 3.0,
        f"took_count{{{group}}}": 2.0,
        f"push_time_seconds{{{group}}}": NOW / 1000,
        f"push_failure_time_seconds{{{group}}}": 0.0,
    }
    await here.clock.advance(30)
    await Repeating(here.intake, here.clock, interval_seconds=30).tick()
    assert here.samples()[f"took_sum{{{group}}}"] == [(NOW, 3.0), (NOW + 30_000, 3.0)]


async def test_put_replaces_the_group_and_post_only_families_of_the_same_name() -> None:
    here = site()
    await here.call("PUT", "/metrics/job/j", BODY, content_type=TEXT)
    await here.call("POST", "/metrics/job/j", b"# TYPE took histogram\ntook_sum 9\n")
    assert ended(here) == {"took_bucket", "took_count"}
    assert here.values()['took_sum{job="j"}'] == 9.0
    await here.call("PUT", "/metrics/job/j", b"other 1\n")
    assert ended(here) == {"done", "took_sum"}


async def test_delete_ends_all_series_of_its_group_alone() -> None:
    here = site()
    for path in ("/metrics/job/j", "/metrics/job/j/instance/a"):
        await here.call("POST", path, b"x 1\n")
    answer = await here.call("DELETE", "/metrics/job/j")
    assert answer.status == 202
    assert ended(here) == {"x", "push_time_seconds", "push_failure_time_seconds"}
    groups = await here.intake.push_groups.repeat()
    assert len(groups) == 3
    assert (await here.call("DELETE", "/metrics/job/unknown")).status == 202


DELIMITED = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)


async def test_gos_clients_push_protobuf() -> None:
    here = site()
    label = [{"name": "a", "value": "b"}]
    histogram = {"sample_count": 3, "sample_sum": 4.5, "bucket": [{"cumulative_count": 1}]}
    summary = {"sample_count": 2, "sample_sum": 1, "quantile": [{"quantile": 0.5, "value": 7}]}
    body = (
        messages.family(name="c", type=0, metric=[{"counter": {"value": 5}, "label": label}])
        + messages.family(name="g", help="G.", type=1, metric=[{"gauge": {}}])
        + messages.family(name="h", type=4, metric=[{"histogram": histogram}])
        + messages.family(name="s", type=2, metric=[{"summary": summary}])
    )
    answer = await here.call("PUT", "/metrics/job/j", body, content_type=DELIMITED)
    assert answer.status == 200
    assert {k: v for k, v in here.values().items() if not k.startswith("push_")} == {
        'c{a="b", job="j"}': 5.0,
        'g{job="j"}': 0.0,
        'h_count{job="j"}': 3.0,
        'h_sum{job="j"}': 4.5,
        'h_bucket{job="j", le="0.0"}': 1.0,
        'h_bucket{job="j", le="+Inf"}': 3.0,
        's{job="j", quantile="0.5"}': 7.0,
        's_count{job="j"}': 2.0,
        's_sum{job="j"}': 1.0,
    }
    assert here.metadata()["g"].help == "G."
    timed = messages.family(name="c", metric=[{"counter": {}, "timestamp_ms": NOW}])
    answer = await here.call("PUT", "/metrics/job/j", timed, content_type=DELIMITED)
    assert answer.status == 400


async def test_an_empty_push_empties_the_group() -> None:
    here = site()
    await here.call("PUT", "/metrics/job/j", b"x 1\n")
    assert (await here.call("PUT", "/metrics/job/j", b"")).status == 200
    assert ended(here) == {"x"}


async def test_the_labels_of_the_path_win() -> None:
    here = site()
    await here.call("PUT", "/metrics/job/j", b'x{job="other",instance="i"} 1\n')
    assert here.values()['x{instance="i", job="j"}'] == 1.0


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        pytest.param("/metrics/job/j", b"x", b"line 1", id="a line without a value"),
        pytest.param("/metrics/job/j", b"x 1 1700000000000\n", b"timestamps", id="a timestamp"),
        pytest.param("/metrics/job/j/a", b"x 1\n", b"no value", id="a label without a value"),
        pytest.param("/metrics/job//a/b", b"x 1\n", b"job name", id="an empty job"),
        pytest.param("/metrics/job/j/a-b/c", b"x 1\n", b"no label name", id="no label name"),
        pytest.param("/metrics/job/j/a/b/a/c", b"x 1\n", b"twice", id="a label twice"),
        pytest.param("/metrics/job@base64/!", b"x 1\n", b"base64", id="no base64"),
    ],
)
async def test_a_bad_push_changes_nothing_and_says_why(
    path: str, body: bytes, words: bytes
) -> None:
    here = site()
    answer = await here.call("PUT", path, body, content_type=TEXT)
    assert answer.status == 400
    assert words in answer.body
    assert here.kept.batches == []


async def test_a_failed_push_is_remembered_in_its_group() -> None:
    here = site()
    await here.call("PUT", "/metrics/job/j", b"x 1\n")
    await here.clock.advance(10)
    await here.call("PUT", "/metrics/job/j", b"x")
    await Repeating(here.intake, here.clock, interval_seconds=30).tick()
    assert here.values()['push_failure_time_seconds{job="j"}'] == NOW / 1000 + 10
    assert here.values()['x{job="j"}'] == 1.0


async def test_groups_are_bounded() -> None:
    limits = PushgatewayConfig(max_groups=1, max_samples_per_group=1)
    here = site(IngestConfig(pushgateway=limits))
    assert (await here.call("PUT", "/metrics/job/a", b"x 1\n")).status == 200
    assert (await here.call("PUT", "/metrics/job/a", b"x 1\ny 1\n")).status == 413
    assert (await here.call("PUT", "/metrics/job/b", b"x 1\n")).status == 413


def test_base64_may_leave_out_its_padding() -> None:
    job = base64.urlsafe_b64encode(b"a/b??").decode().rstrip("=")
    path = f"job@base64/{job}/empty@base64/=/plain/v"
    assert pushgateway.group_of(path) == (("job", "a/b??"), ("plain", "v"))


@given(path=st.text(max_size=30), body=st.binary(max_size=60))
def test_any_path_and_body_is_taken_or_refused(path: str, body: bytes) -> None:
    try:
        group = pushgateway.group_of(path)
    except Rejected:
        group = (("job", "j"),)
    for media in (TEXT, DELIMITED):
        try:
            pushed = pushgateway.decode(body, media, group, NOW)
        except Rejected:
            continue
        assert isinstance(pushed.families, dict)


async def test_a_label_may_hold_what_ends_an_addresss_path() -> None:
    here = site()
    await here.call("PUT", "/metrics/job/c#/instance/a%b#c", b"x 1\n")  # as decoded by the server
    assert 'x{instance="a%b#c", job="c#"}' in here.values()
