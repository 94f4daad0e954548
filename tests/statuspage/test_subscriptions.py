"""Who confirmed it is told once of each update, and nobody else is."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re

import pytest

from tests.notify.servers import http_receiver
from tests.statuspage.world import CONFIG, World
from tocsin.kit.fault import Permanent, Rejected, Temporary
from tocsin.kit.outside import is_outside
from tocsin.kit.signed_link import Expired
from tocsin.statuspage.component_state import Impact
from tocsin.statuspage.outward import Outward, web_address
from tocsin.statuspage.post import Post, PostStatus
from tocsin.statuspage.subscriptions import mail_address

LOOPBACK = "subscriptions: {allow_networks: [127.0.0.0/8]}\n"


async def _post(here: World, *, is_quiet: bool = False) -> Post:
    post = await here.posts.open_post(
        "", "Down", ["API"], Impact.MAJOR, "We look.", "ana", is_quiet=is_quiet
    )
    await here.board.look()
    await here.runner.turn()
    return post


def _link(text: str) -> str:
    found = re.search(r"https://status\.test/subscription/(\S+)", text)
    assert found
    return found[1]


async def _subscribed(here: World, address: str = "eve@example.com") -> None:
    await here.subscriptions.ask("email", address)
    await here.runner.turn()
    await here.subscriptions.confirm(_link(here.letters.sent[-1].text))


async def test_nothing_is_kept_before_it_is_confirmed(here: World) -> None:
    await here.show()
    await here.subscriptions.ask("email", "Eve@Example.com")
    await here.runner.turn()
    assert [one.to for one in here.letters.sent] == ["eve@example.com"]
    assert await here.subscriptions.counts() == {}
    await _post(here)
    assert len(here.letters.sent) == 1


async def test_an_address_does_not_stay_among_the_errands(here: World) -> None:
    await here.show()
    await here.subscriptions.ask("email", "eve@example.com")
    here.letters.fails = Permanent("no such mailbox")
    await here.subscriptions.ask("email", "bob@example.com")
    await here.runner.turn()
    errands = await here.runner.table.find(kinds=["status_mail"])
    assert [one.state for one in errands] == ["done", "done"]
    assert all(b"example.com" not in one.content for one in errands)


async def test_who_confirmed_gets_each_update_once_with_a_way_out(here: World) -> None:
    await here.show()
    await _subscribed(here)
    post = await _post(here)
    await here.posts.tell(post.id, PostStatus.RESOLVED, "Over.", "ana")
    await here.after(3)
    await here.runner.turn()
    mails = here.letters.sent[1:]
    assert [one.subject for one in mails] == [
        "[Example status] Down – Investigating",
        "[Example status] Down – Resolved",
    ]
    assert "Affects: API" in mails[0].text
    assert mails[0].html.endswith("Unsubscribe</a></p>\n</body></html>\n")
    headers = mails[0].headers
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    out = headers["List-Unsubscribe"]
    assert out.startswith("<https://status.test/unsubscribe/")
    assert await here.subscriptions.leave(out.strip("<>").rpartition("/")[2])
    assert not await here.subscriptions.leave("nothing")
    await _post(here)
    assert len(here.letters.sent) == 3


async def test_a_restart_tells_nobody_twice(here: World) -> None:
    await here.show()
    await _subscribed(here)
    await _post(here)
    again = World(here.database, here.clock, here.folder)
    await again.show()
    await again.runner.turn()
    assert again.letters.sent == []


async def test_a_mail_that_fails_for_now_is_sent_later(here: World) -> None:
    await here.show()
    await _subscribed(here)
    here.letters.fails = Temporary("the mail server is away")
    await _post(here)
    assert len(here.letters.sent) == 1
    here.letters.fails = None
    await here.clock.advance(600)
    await here.runner.turn()
    assert len(here.letters.sent) == 2


async def test_quiet_updates_and_old_ones_are_no_mails(here: World) -> None:
    await here.show()
    await _subscribed(here)
    await _post(here, is_quiet=True)
    assert len(here.letters.sent) == 1


async def test_many_are_told_in_turns(here: World) -> None:
    await here.show()
    for number in range(205):
        token = here.subscriptions._maker.token(
            "status_confirm", f"p{number}@example.com", "email", int(here.clock.now()) + 60
        )
        await here.subscriptions.confirm(token)
    await _post(here)
    assert len(here.letters.sent) < 10  # at a pace
    for _ in range(2):
        await here.clock.advance(20)
        await here.runner.turn()
    assert len({one.to for one in here.letters.sent}) == len(here.letters.sent) == 205


async def test_one_address_gets_one_link_an_hour(here: World) -> None:
    await here.show()
    for _ in range(5):
        await here.subscriptions.ask("email", "eve@example.com")
    await here.runner.turn()
    assert len(here.letters.sent) == 1


async def test_asking_for_a_known_address_looks_the_same(here: World) -> None:
    await here.show()
    await _subscribed(here)
    await here.clock.advance(3600)
    await here.subscriptions.ask("email", "eve@example.com")
    await here.runner.turn()
    assert [one.subject for one in here.letters.sent] == ["Confirm updates of Example status"] * 2
    await here.subscriptions.confirm(_link(here.letters.sent[-1].text))
    assert await here.subscriptions.counts() == {"email": 1}


async def test_links_expire_and_cannot_be_made_up(here: World) -> None:
    await here.show()
    await here.subscriptions.ask("email", "eve@example.com")
    await here.runner.turn()
    token = _link(here.letters.sent[-1].text)
    with pytest.raises(Rejected):
        await here.subscriptions.confirm(token[:-2] + "AA")
    await here.clock.advance(3 * 86_400)
    with pytest.raises(Expired):
        await here.subscriptions.confirm(token)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "eve",
        "eve@x",
        "a@b.c\nBcc: all@x.test",
        "a b@c.de",
        "<a@b.cd>",
        "a@b.cd,e@f.gh",
        "é@b.cd",
    ],
)
def test_what_is_no_mail_address_is_refused(text: str) -> None:
    with pytest.raises(Rejected):
        mail_address(text)


async def test_a_webhook_is_confirmed_and_its_bodies_are_signed(here: World) -> None:
    with http_receiver() as hook:
        await here.show(CONFIG + LOOPBACK)
        here.mail.outward = Outward(here.subscriptions.allowed)
        await here.subscriptions.ask("webhook", f"{hook.url}/hook")
        await here.runner.turn()
        asked = json.loads(hook.seen[0].body)
        assert asked["type"] == "subscription.confirmation"
        found = await here.subscriptions.confirm(_link(asked["confirm_url"]))
        assert found.secret
        again = await here.subscriptions.confirm(_link(asked["confirm_url"]))
        assert again.secret == ""
        await _post(here)
        sent = hook.seen[1]
        assert json.loads(sent.body)["incident"]["name"] == "Down"
        signed = f"{sent.headers['webhook-id']}.{sent.headers['webhook-timestamp']}.".encode()
        key = base64.b64decode(found.secret.removeprefix("whsec_"))
        mark = base64.b64encode(hmac.digest(key, signed + sent.body, hashlib.sha256)).decode()
        assert sent.headers["webhook-signature"] == f"v1,{mark}"
        hook.answers = [(410, {}, b"")]
        post = here.posts.all()[0]
        await here.posts.tell(post.id, PostStatus.RESOLVED, "Over.", "ana")
        await here.board.look()
        await here.runner.turn()
        assert await here.subscriptions.counts() == {}
        await here.mail.outward.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[64:ff9b:1::a00:1]/",
        "https://[::127.0.0.1]/",
        "https://１２７.0.0.1/",  # digits that connections read as 127
        "https://127。0。0。1/",
        "https://①②⑦.⓪.⓪.①/",
        "https://user:password@example.com/",
        "ftp://example.com/",
        "https://",
    ],
)
def test_an_address_of_the_inside_is_refused(url: str) -> None:
    with pytest.raises(Rejected):
        web_address(url)


async def test_a_redirect_to_the_inside_is_not_followed(here: World) -> None:
    with http_receiver() as hook, http_receiver() as inside:
        await here.show(CONFIG + LOOPBACK)
        outward = Outward(here.subscriptions.allowed)
        hook.answers = [(307, {"Location": f"{inside.url}/admin"}, b"")]
        with pytest.raises(Permanent, match="redirects are not followed"):
            await outward.call(f"{hook.url}/hook", b"", {})
        assert inside.seen == []
        await outward.close()


async def test_a_name_that_leads_inside_is_refused_when_it_is_called() -> None:
    outward = Outward()
    with http_receiver() as hook:
        for host in ("localhost", "2130706433", "127.1"):
            with pytest.raises((Permanent, Temporary)):
                await outward.call(f"https://{host}:{hook.port}/", b"", {})
        assert hook.seen == []
    await outward.close()


def test_what_is_outside() -> None:
    assert is_outside("93.184.216.34")
    assert is_outside("2606:4700::1111")
    for inside in ("0.0.0.0", "192.168.0.1", "100.64.0.1", "224.0.0.1", "fe80::1%eth0", "fd00::1"):
        assert not is_outside(inside), inside


async def test_no_more_are_taken_than_allowed(here: World) -> None:
    await here.show(CONFIG + "subscriptions: {most: 0}\n")
    with pytest.raises(Rejected, match="no more subscribers"):
        await _subscribed(here)


async def test_a_person_can_have_an_address_forgotten(here: World) -> None:
    await here.show()
    await _subscribed(here)
    assert await here.subscriptions.forget("email", "Eve@example.com")
    assert not await here.subscriptions.forget("email", "eve@example.com")
