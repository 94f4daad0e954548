from __future__ import annotations

from tests.alert.memory import AckShelf, World
from tocsin.alert.attention.acknowledge import Acknowledgements
from tocsin.alert.deciding.answers import Answers, shared_matchers
from tocsin.kit.clock import FakeClock
from tocsin.model.alerts import Alert
from tocsin.model.labels import from_mapping

ROUTES = """
route: {receiver: team, group_by: [service], group_wait: 0s}
receivers: [{name: team}]
"""


async def test_a_group_that_a_new_configuration_does_not_form_is_still_answered(
    clock: FakeClock,
) -> None:
    world = World(clock, ROUTES)
    await world.start()
    for instance in "123":
        await world.tell(alertname="Down", service="api", instance=instance)
    told = {one.alert.fingerprint for one in world.dispatcher.states()[:2]}
    kept = AckShelf()
    acknowledgements = Acknowledgements(kept, clock)
    answers = Answers(world.dispatcher, acknowledgements, clock, lambda _: told)
    assert {one.fingerprint for one in answers.firing("old")} == told


def test_a_silence_has_what_all_alerts_share_and_never_more() -> None:
    alerts = [
        Alert(labels=from_mapping({"alertname": "Down", "job": "a", "n": n}), starts_ms=1)
        for n in ("1", "2")
    ]
    found = [(m.name, m.op, m.value) for m in shared_matchers(alerts)]
    assert found == [("alertname", "=", "Down"), ("job", "=", "a")]
    assert len(shared_matchers(alerts[:1])) == 3
