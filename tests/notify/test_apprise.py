"""Apprise's services, by its own `json://`, which posts to a server of the test."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest

from tests.notify.making import alert, made, making, notice
from tests.notify.servers import Taken, http_receiver
from tests.notify.telling import body, tell
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Permanent, Temporary
from tocsin.model import outbox
from tocsin.model.notices import Notice

pytest.importorskip("apprise", reason="Apprise is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # Apprise's own import


def address(taken: Taken, scheme: str = "json") -> str:
    return f"{scheme}://somebody:hush-pass@127.0.0.1:{taken.port}/hush-path"


async def say(taken: Taken, more: str = "", about: Notice | None = None) -> None:
    text = f"{{url: '{address(taken)}', title: 't {{{{ .Status }}}}', body: b{more}}}"
    await tell(taken, "apprise", text, about=about)


@pytest.mark.parametrize(
    ("ends", "kind", "status"), [(False, "failure", "firing"), (True, "success", "resolved")]
)
async def test_a_service_of_apprise_is_told(ends: bool, kind: str, status: str) -> None:
    with http_receiver() as taken, outbox.watch() as box:
        await say(taken, about=notice(alert(ends=ends)))
    [seen] = taken.seen
    assert seen.path == "/hush-path"
    sent = body(seen)
    assert isinstance(sent, dict)
    assert (sent["title"], sent["message"], sent["type"]) == (f"t {status}", "b", kind)
    assert (box.body, box.answer) == (f"t {status}\n\nb", "taken")


@pytest.mark.parametrize(
    ("status", "error"), [(404, Permanent), (401, Permanent), (429, Temporary), (500, Temporary)]
)
async def test_apprises_words_say_whether_to_try_again(status: int, error: type[Exception]) -> None:
    with http_receiver() as taken:
        taken.answers = [(status, {}, b"no")]
        with pytest.raises(error, match=f"Apprise, json: .*{status}") as caught:
            await say(taken)
    assert "hush" not in str(caught.value)


async def test_a_service_that_is_away_is_temporary() -> None:
    with http_receiver() as taken:
        pass
    with pytest.raises(Temporary) as caught:
        await say(taken)
    assert "hush" not in str(caught.value)


async def test_a_service_that_hangs_holds_nothing_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # takes, and never answers
        taken = Taken(port=listener.getsockname()[1])
        with pytest.raises(Temporary, match="not taken within"):
            await say(taken, more=", timeout: 100ms")


async def test_an_address_that_is_none_is_refused_without_showing_it() -> None:
    with http_receiver() as taken, pytest.raises(Permanent, match="understands") as caught:
        await tell(taken, "apprise", "{url: 'nothing://hush'}")
    assert "hush" not in str(caught.value)


def test_apprises_own_log_which_shows_addresses_goes_nowhere(clock: FakeClock) -> None:
    made("apprise", "{url: 'json://x'}", making(clock))
    assert not logging.getLogger("apprise").propagate


async def test_the_address_may_stand_in_a_file(tmp_path: Path) -> None:
    with http_receiver() as taken:
        file = tmp_path / "address"
        file.write_text(address(taken) + "\n")
        await tell(taken, "apprise", f"{{url_file: '{file}'}}")
    sent = body(taken.seen[0])
    assert isinstance(sent, dict)
    assert sent["title"] == "[FIRING:1] Down (api)"
    assert sent["message"].startswith('FIRING S "q" & <é>\n - alertname = Down\n')
    assert sent["message"].endswith("http://am.example/#/alerts?receiver=web%5C.hook")


def test_mistakes_are_told(clock: FakeClock) -> None:
    for text, words in (
        ("{}", "one of url and url_file"),
        ("{url: 'json://x', timeout: 0s}", "more than 0"),
        ("{url: 'json://x', body_format: rtf}", "markdown"),
    ):
        with pytest.raises(ConfigError) as caught:
            made("apprise", text, making(clock))
        assert words in str(caught.value)
