"""Links in mails: there when they are wanted and can work, nowhere else."""

from __future__ import annotations

from dataclasses import replace
from email.message import EmailMessage
from typing import cast

import pytest

from tests.notify.making import alert, made, making, notice
from tocsin.kit.clock import FakeClock
from tocsin.kit.signed_link import LinkMaker, SignedLink
from tocsin.model import outbox
from tocsin.model.notices import Notice, group_id
from tocsin.notify.conversation import Conversation
from tocsin.notify.email import Email

SHARED = "{smtp_smarthost: 'localhost:25', smtp_from: t@example.com}"
LINKS = LinkMaker(bytes(32), "https://tocsin.example")
START = "https://tocsin.example/answer/"


def mail(
    text: str, clock: FakeClock, told: Notice, *, links: LinkMaker | None = LINKS, own: bool = False
) -> EmailMessage:
    talk = Conversation(links=links, link_seconds=3600)
    base = replace(making(clock, SHARED), conversation=talk, is_own=own)
    return cast("Email", made("email", text, base).sender).message_of(told)


def links_in(text: str) -> list[str]:
    words = text.replace('"', " ").replace("<", " ").split()
    return list(dict.fromkeys(word for word in words if word.startswith(START)))


def test_an_alertmanagers_mail_stays_as_it_is(clock: FakeClock) -> None:
    message = mail("{to: a@example.com}", clock, notice())
    assert links_in(message.get_content()) == []


def test_tocsins_own_channels_have_links_unless_they_are_turned_off(clock: FakeClock) -> None:
    assert len(links_in(mail("{to: a@x.org}", clock, notice(), own=True).get_content())) == 2
    off = mail("{to: a@x.org, actions: false}", clock, notice(), own=True)
    assert links_in(off.get_content()) == []


def test_the_links_name_act_group_reader_and_end(clock: FakeClock) -> None:
    message = mail("{to: 'A <a@example.com>', actions: true}", clock, notice())
    html = message.get_content()
    assert html.index("View the alerts") < html.index(START) < html.index("Firing</strong>")
    first, second = (LINKS.read(url.removeprefix(START), clock.now()) for url in links_in(html))
    group, ends = group_id(notice().group_key), int(clock.now()) + 3600
    assert first == SignedLink("acknowledge", group, "A <a@example.com>", ends)
    assert second.action == "silence"


def test_texts_and_templates_of_ones_own_get_them_at_the_end(clock: FakeClock) -> None:
    text = "{to: a@x.org, actions: true, text: hello, html: '<body>hello</BODY>'}"
    message = mail(text, clock, notice())
    plain, html = (part.get_content() for part in message.iter_parts())
    assert len(links_in(plain)) == len(links_in(html)) == 2
    assert plain.startswith("hello\n\nAcknowledge: https://")
    assert html.rstrip().endswith("</BODY>")


def test_a_template_may_place_them_itself(clock: FakeClock) -> None:
    source = "{{ range .Actions }}[{{ .Name }}]({{ .Value }}) {{ end }}end"
    message = mail(f"{{to: a@x.org, actions: true, html: '', text: '{source}'}}", clock, notice())
    text = message.get_content()
    assert text.startswith("[Acknowledge](https://")
    assert text.rstrip().endswith("end")


def test_nothing_can_be_acknowledged_in_a_mail_of_an_end(clock: FakeClock) -> None:
    over = notice(alert(instance="1", ends=True))
    assert links_in(mail("{to: a@x.org, actions: true}", clock, over).get_content()) == []


def test_without_an_address_of_our_own_the_author_is_told(clock: FakeClock) -> None:
    result = made("email", "{to: a@x.org, actions: true}", making(clock, SHARED))
    [warning] = result.warnings
    assert "listen.external_url" in warning


async def test_the_record_of_what_was_sent_shows_no_link(clock: FakeClock) -> None:
    with outbox.watch() as watched:
        message = mail("{to: a@x.org, actions: true}", clock, notice())
        outbox.sending(message.get_content())
    assert "Acknowledge" in watched.body
    assert START not in watched.body


@pytest.mark.parametrize("recipient", ["a" * 400 + "@x.org"])
def test_a_long_reader_makes_no_endless_link(recipient: str) -> None:
    token = LINKS.token("acknowledge", "f" * 64, recipient, 1)
    assert len(token) < 700
