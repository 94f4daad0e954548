from __future__ import annotations

import asyncio
import email
import subprocess
from email.policy import default
from pathlib import Path

import pytest

from tests.notify.making import made, making, notice
from tests.notify.servers import http_receiver, mail_server
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Permanent, Rejected, Temporary


async def send(kind: str, text: str, clock: FakeClock, shared: str = "") -> None:
    base = making(clock, shared)
    try:
        await made(kind, text, base).sender.send(notice())
    finally:
        await base.fetcher.close()


async def test_webhook_slack_and_pagerduty_post_json(clock: FakeClock) -> None:
    with http_receiver() as taken:
        await send("webhook", f"url: {taken.url}/hook", clock)
        await send("slack", f"api_url: {taken.url}/slack", clock)
        await send("slack", "channel: x", clock, f"slack_api_url: {taken.url}/global")
        await send("pagerduty", f"{{routing_key: K, url: '{taken.url}/v2'}}", clock)
    assert [path for path, _ in taken.requests] == ["/hook", "/slack", "/global", "/v2"]


@pytest.mark.parametrize(
    ("status", "headers", "error", "wait"),
    [
        (429, {"Retry-After": "17"}, Temporary, 17.0),
        (503, {}, Temporary, None),
        (500, {"Retry-After": "Tue, 14 Nov 2023 22:14:20 GMT"}, Temporary, 60.0),
        (404, {}, Permanent, None),
        (400, {}, Permanent, None),
    ],
)
async def test_a_status_says_whether_to_try_again(
    clock: FakeClock,
    status: int,
    headers: dict[str, str],
    error: type[Exception],
    wait: float | None,
) -> None:
    with http_receiver() as taken:
        taken.answers = [(status, headers, b"why not")]
        with pytest.raises(error, match="why not") as caught:
            await send("webhook", f"url: {taken.url}/secret-path", clock)
    assert "secret-path" not in str(caught.value)
    if isinstance(caught.value, Temporary):
        assert caught.value.retry_after == wait


async def test_slack_may_refuse_with_status_200(clock: FakeClock) -> None:
    with http_receiver() as taken:
        said = b'{"ok":false,"error":"channel_not_found"}'
        taken.answers = [(200, {"Content-Type": "application/json"}, said)]
        with pytest.raises(Permanent, match="channel_not_found"):
            await send("slack", f"api_url: {taken.url}", clock)


async def test_a_receiver_that_is_away_is_temporary_and_its_address_stays_secret(
    clock: FakeClock,
) -> None:
    with http_receiver() as taken:
        url = taken.url
    with pytest.raises(Temporary) as caught:
        await send("slack", f"api_url: {url}/T0/B0/secret", clock)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["", "ftp://", "http:///"])
async def test_an_address_that_is_none_stays_secret_too(clock: FakeClock, scheme: str) -> None:
    with pytest.raises(Temporary, match="not a valid address") as caught:
        await send("slack", f"api_url: {scheme}hooks.example/T0/B0/hush", clock)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("to", ["a@b@c", "ü@example.com", "=?utf-8?q?=0d=0ax@y?="])
async def test_a_mail_to_no_address_is_refused_in_words(clock: FakeClock, to: str) -> None:
    text = f"{{to: '{to}', from: me@example.com, smarthost: '127.0.0.1:1'}}"
    with pytest.raises(Rejected, match=r"mail|header To"):
        await send("email", text, clock)


async def test_a_mail_arrives_whole(clock: FakeClock) -> None:
    with mail_server() as mails:
        text = (
            "{to: 'a@example.com, B <b@example.com>', from: t@example.com, require_tls: false, "
            f"text: 'Grüße {{{{ .Status }}}}', smarthost: '127.0.0.1:{mails.port}'}}"
        )
        await send("email", text, clock)
    [envelope] = mails.envelopes
    assert envelope.mail_from == "t@example.com"
    assert envelope.rcpt_tos == ["a@example.com", "b@example.com"]
    content = envelope.content
    assert isinstance(content, bytes)
    message = email.message_from_bytes(content, policy=default)
    assert message["Subject"] == "[FIRING:1] Down (api)"
    part = message.get_body(("plain",))
    assert part is not None
    assert part.get_content().strip() == "Grüße firing"


async def test_starttls_and_login(clock: FakeClock, tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", str(key), "-out", str(cert), "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True, timeout=60)
    with mail_server((cert, key)) as mails:
        start = f"{{to: a@example.com, from: t@example.com, smarthost: '127.0.0.1:{mails.port}', "
        start += f"tls_config: {{ca_file: '{cert}'}}, auth_username: me, "
        await send("email", start + "auth_password: secret}", clock)
        with pytest.raises(Permanent, match="535"):
            await send("email", start + "auth_password: wrong}", clock)
        no_ca = start.replace(f"tls_config: {{ca_file: '{cert}'}}, ", "")
        with pytest.raises((Permanent, Temporary)):
            await send("email", no_ca + "auth_password: secret}", clock)
    assert len(mails.envelopes) == 1
    assert set(mails.users) == {"me:secret", "me:wrong"}  # each way of logging in is tried


async def test_a_server_without_starttls_is_refused_unless_allowed(clock: FakeClock) -> None:
    with mail_server() as mails:
        text = f"{{to: a@x.org, from: t@x.org, smarthost: '127.0.0.1:{mails.port}'}}"
        with pytest.raises(Permanent, match="require_tls: false"):
            await send("email", text, clock)


@pytest.mark.parametrize(("answer", "error"), [("451 later", Temporary), ("554 no", Permanent)])
async def test_a_mail_servers_code_says_whether_to_try_again(
    clock: FakeClock, answer: str, error: type[Exception]
) -> None:
    with mail_server() as mails:
        mails.answer = answer
        text = (
            "{to: a@x.org, from: t@x.org, require_tls: false, "
            f"smarthost: '127.0.0.1:{mails.port}'}}"
        )
        with pytest.raises(error, match=answer):
            await send("email", text, clock)
