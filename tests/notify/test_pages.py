"""What a message leads to, where its readers can reach Tocsin."""

from __future__ import annotations

from dataclasses import replace
from email.message import EmailMessage
from typing import cast

import pytest

from tests.notify.making import alert, made, making, notice
from tests.notify.servers import http_receiver
from tests.notify.telling import form
from tocsin.kit.clock import FakeClock
from tocsin.kit.signed_link import LinkMaker
from tocsin.model.notices import Notice
from tocsin.notify.conversation import Conversation, KeptMessage
from tocsin.notify.email import Email
from tocsin.notify.kind import Making
from tocsin.notify.pages import page_of
from tocsin.notify.slack_status import status_attachment
from tocsin.notify.sms_text import parts_of

LINKS = LinkMaker(bytes(32), "https://tocsin.example")
SMS = (
    "{account_sid: AC1, auth_token: hush, api_url: URL, from: '+15550001', to: '+15550002', "
    "max_segments: 1"
)


def reachable(base: Making) -> Making:
    return replace(base, conversation=Conversation(links=LINKS))


async def texted(text: str, about: Notice) -> str:
    with http_receiver() as taken:
        base = reachable(making(FakeClock()))
        try:
            await made("twilio", text.replace("URL", taken.url), base).sender.send(about)
        finally:
            await base.fetcher.close()
        return form(taken.seen[0])["Body"]


def test_one_alert_has_its_page_and_several_have_theirs(clock: FakeClock) -> None:
    base = making(clock)
    home = base.templates.external_url
    assert page_of(base, ["a"]) == "", "nobody elsewhere could follow it"
    assert page_of(reachable(base), ["a"]) == f"{home}/alerts/a"
    assert page_of(reachable(base), ["a", "b"]) == f"{home}/alerts"


async def test_a_text_message_ends_in_the_alerts_page_however_long_it_is() -> None:
    about = notice(alert(instance="x" * 500))
    body = await texted(SMS + "}", about)
    assert body.endswith(f"/alerts/{about.alerts[0].fingerprint}")
    assert "...\n" in body
    assert parts_of(body) == 1


async def test_a_text_of_ones_own_stays_as_it_is() -> None:
    assert await texted(SMS + ", message: hello}", notice()) == "hello"


def test_a_mail_leads_to_each_alerts_page(clock: FakeClock) -> None:
    shared = "{smtp_smarthost: 'localhost:25', smtp_from: t@example.com}"
    base = making(clock, shared)
    message: EmailMessage = cast("Email", made("email", "{to: a@x.org}", base).sender).message_of(
        notice()
    )
    html = message.get_content()
    for one in notice().alerts:
        assert f'href="{base.templates.external_url}/alerts/{one.fingerprint}"' in html


@pytest.mark.parametrize("page", ["", "https://tocsin.example/alerts/a"])
def test_a_bots_message_leads_to_what_fires(page: str) -> None:
    message = KeptMessage(place="p", group_key="g", firing={"a": 1}, opened_ms=1, told_ms=1)
    shown = str(status_attachment(message, {}, has_buttons=False, page=page))
    assert (f"<{page}|Open in Tocsin>" in shown) == bool(page)
