"""With whose keys Amazon is asked; what it is asked is compared with the real Alertmanager."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.notify.making import made, making, notice
from tests.notify.servers import http_receiver
from tests.notify.telling import form, told
from tocsin.kit.clock import FakeClock
from tocsin.kit.fault import Permanent, Rejected
from tocsin.notify.aws_keys import SigV4Config, found_keys, keys_of_role

TOPIC = "topic_arn: 'arn:aws:sns:eu-west-1:123:topic'"
ROLE = (
    "<AssumeRoleResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleResult>"
    "<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>hush</SecretAccessKey>"
    "<SessionToken>token</SessionToken><Expiration>%s</Expiration></Credentials>"
    "</AssumeRoleResult></AssumeRoleResponse>"
)


async def test_a_phone_gets_no_more_than_amazon_takes_and_says_so() -> None:
    text = (
        "{api_url: URL, phone_number: '+1555', message: '%s', subject: '%s', "
        "sigv4: {region: eu-west-1, access_key: AK, secret_key: SK}}"
    )
    [seen] = await told("sns", text % ("ä" * 900, "s" * 200))
    fields = form(seen)
    assert len(fields["Message"].encode()) <= 1600
    assert fields["Message"].endswith("ä…")
    assert len(fields["Subject"]) == 99
    assert fields["MessageAttributes.entry.1.Name"] == "truncated"
    assert fields["PhoneNumber"] == "+1555"


def test_keys_come_from_the_environment_or_a_profile(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("[ops]\naws_access_key_id = AK2\naws_secret_access_key = hush%2\n")
    environment = {"AWS_ACCESS_KEY_ID": "AK1", "AWS_SECRET_ACCESS_KEY": "hush1"}
    found = found_keys(SigV4Config(), environment)
    assert (found.access_key, found.secret_key.reveal()) == ("AK1", "hush1")
    environment["AWS_SHARED_CREDENTIALS_FILE"] = str(file)
    found = found_keys(SigV4Config(profile="ops"), environment)
    assert (found.access_key, found.secret_key.reveal()) == ("AK2", "hush%2")
    with pytest.raises(Rejected, match="write access_key and secret_key under sigv4"):
        found_keys(SigV4Config(profile="nobody"), environment)


async def test_a_roles_keys_are_asked_for_once_and_again_before_they_end(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = dt.datetime.fromtimestamp(clock.now() + 3600, dt.UTC)
    with http_receiver() as taken:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"{taken.url}/sts")
        taken.by_path = {"/sts": (ROLE % f"{ends:%Y-%m-%dT%H:%M:%SZ}").encode()}
        sigv4 = "{access_key: AK, secret_key: SK, role_arn: 'arn:aws:iam::1:role/x'}"
        base = making(clock)
        text = f"{{api_url: '{taken.url}/sns', sigv4: {sigv4}, {TOPIC}}}"
        sender = made("sns", text, base).sender
        await sender.send(notice())
        await sender.send(notice())
        await clock.advance(3400)
        await sender.send(notice())
        await base.fetcher.close()
    paths = [seen.path for seen in taken.seen]
    assert paths == ["/sts/", "/sns/", "/sns/", "/sts/", "/sns/"]
    assert form(taken.seen[0])["RoleArn"] == "arn:aws:iam::1:role/x"
    published = taken.seen[1].headers
    assert published["x-amz-security-token"] == "token"
    assert "Credential=ASIA/" in published["authorization"]
    assert "x-amz-security-token" in published["authorization"]


@pytest.mark.parametrize("body", [b"", b"<a/>", b"{}", (ROLE % "soon").encode()])
def test_an_answer_that_is_none_is_told_in_words(body: bytes) -> None:
    with pytest.raises(Permanent, match="STS"):
        keys_of_role(body)
