"""What is acknowledged here is acknowledged in PagerDuty, once, under the same key."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.notify.making import alert, made, making, notice
from tests.notify.servers import Taken, http_receiver
from tocsin.kit.clock import FakeClock
from tocsin.model.notices import group_id
from tocsin.notify.conversation import Conversation, KeptMessage, MemoryOnly
from tocsin.notify.kind import Making
from tocsin.notify.pagerduty import PagerDuty

ONE, TWO = alert(instance="1"), alert(instance="2")
GROUP = group_id(notice().group_key)


@dataclass
class Duty:
    """A sender before a server that takes everything."""

    taken: Taken
    base: Making
    memory: MemoryOnly = field(default_factory=MemoryOnly)
    takers: dict[str, Any] = field(default_factory=dict)  # Any: whoever takes on

    def sender(self, text: str = "routing_key: K") -> PagerDuty:
        talk = Conversation(memory=self.memory, taken_on=self.takers.get)
        base = replace(self.base, conversation=talk, place="team/pagerduty[0]")
        sender = made("pagerduty", f"{{{text}, url: '{self.taken.url}'}}", base).sender
        assert isinstance(sender, PagerDuty)
        return sender

    def take(self, *fingerprints: str) -> None:
        self.takers.update({one: SimpleNamespace(by="bo", note="") for one in fingerprints})

    @property
    def message(self) -> KeptMessage:
        [message] = self.memory._messages.values()
        return message

    @property
    def actions(self) -> list[str]:
        bodies = [json.loads(body) for _, body in self.taken.requests]
        return [body.get("event_action") or body["event_type"] for body in bodies]


@pytest.fixture
async def duty(clock: FakeClock) -> AsyncIterator[Duty]:
    with http_receiver() as taken:
        base = making(clock)
        yield Duty(taken, base)
        await base.fetcher.close()


async def test_the_incident_is_acknowledged_when_all_of_it_is(duty: Duty) -> None:
    sender = duty.sender()
    await sender.send(notice(ONE, TWO))
    duty.take(ONE.fingerprint)
    await sender.refresh(duty.message)
    assert duty.actions == ["trigger"]
    duty.take(TWO.fingerprint)
    await sender.refresh(duty.message)
    await sender.refresh(duty.message)
    assert duty.actions == ["trigger", "acknowledge"]
    expected = f'{{"routing_key":"K","dedup_key":"{GROUP}","event_action":"acknowledge"}}\n'
    assert duty.taken.requests[-1][1] == expected.encode()
    assert json.loads(duty.taken.requests[0][1])["dedup_key"] == GROUP


async def test_version_1_acknowledges_with_its_own_words(duty: Duty) -> None:
    sender = duty.sender("service_key: K")
    await sender.send(notice(ONE))
    duty.take(ONE.fingerprint)
    await sender.refresh(duty.message)
    expected = f'{{"service_key":"K","incident_key":"{GROUP}","event_type":"acknowledge"}}\n'
    assert duty.taken.requests[-1][1] == expected.encode()


async def test_what_was_given_back_and_taken_again_is_acknowledged_again(duty: Duty) -> None:
    sender = duty.sender()
    await sender.send(notice(ONE))
    for _ in range(2):
        duty.take(ONE.fingerprint)
        await sender.refresh(duty.message)
        duty.takers.clear()
        await sender.refresh(duty.message)
    assert duty.actions == ["trigger", "acknowledge", "acknowledge"]


async def test_an_end_resolves_and_nothing_is_acknowledged_after_it(duty: Duty) -> None:
    sender = duty.sender()
    await sender.send(notice(ONE))
    before = duty.message
    await sender.send(notice(alert(instance="1", ends=True)))
    duty.take(ONE.fingerprint)
    await sender.refresh(before)
    assert duty.actions == ["trigger", "resolve"]


async def test_what_was_acknowledged_before_it_arrived_is_said_at_once(duty: Duty) -> None:
    duty.take(ONE.fingerprint)
    await duty.sender().send(notice(ONE))
    assert duty.actions == ["trigger", "acknowledge"]


async def test_a_key_that_is_a_template_is_filled_for_the_acknowledgement_too(duty: Duty) -> None:
    sender = duty.sender("routing_key: 'K-{{ .CommonLabels.service }}'")
    await sender.send(notice(ONE))
    duty.take(ONE.fingerprint)
    await sender.refresh(duty.message)
    keys = [json.loads(body)["routing_key"] for _, body in duty.taken.requests]
    assert keys == ["K-api", "K-api"]
