"""Web Push: only the browser reads it, the push service knows us, and no way leads inside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.oncall.push_service import Browser, PushService, push_service, verified
from tests.state.fresh import state_file
from tocsin.kit.clock import FakeClock, SystemClock
from tocsin.kit.fault import NotFound, Permanent, Rejected, Temporary
from tocsin.oncall.webpush.device import Device, Devices, checked
from tocsin.oncall.webpush.encoding import raw, text
from tocsin.oncall.webpush.encryption import CURVE, decrypted, encrypted, point
from tocsin.oncall.webpush.sender import Gone, PushSender
from tocsin.oncall.webpush.vapid import Vapid

# RFC 8291, section 5 and appendix A.
_PLAIN = b"When I grow up, I want to be a watermelon"
_SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
_RECEIVER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
_RECEIVER_POINT = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
_SALT = "DGv6ra1nlYgDCS1FRnbzlw"
_AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
_BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
    "lcy4a-fN"
)


def _private(given: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(raw(given, "key"), "big"), CURVE)


def test_a_message_is_the_very_bytes_of_the_example_in_rfc_8291() -> None:
    body = encrypted(
        _PLAIN,
        raw(_RECEIVER_POINT, "p256dh"),
        raw(_AUTH, "auth"),
        sender=_private(_SENDER),
        salt=raw(_SALT, "salt"),
    )
    assert text(body) == _BODY
    assert decrypted(body, _private(_RECEIVER), raw(_AUTH, "auth")) == _PLAIN


@given(st.binary(max_size=3993))
def test_whatever_is_said_is_read_by_its_browser_and_by_no_other(plain: bytes) -> None:
    browser, other = Browser(), Browser()
    body = encrypted(plain, point(browser.key.public_key()), browser.auth)
    assert len(body) <= 4096
    assert decrypted(body, browser.key, browser.auth) == plain
    with pytest.raises(InvalidTag):
        decrypted(body, other.key, browser.auth)


def test_what_is_too_long_or_no_key_is_refused() -> None:
    browser = Browser()
    with pytest.raises(Rejected, match="at most 3993 bytes"):
        encrypted(bytes(3994), point(browser.key.public_key()), browser.auth)
    with pytest.raises(Rejected, match=r"no point of P-256"):
        encrypted(b"", bytes(65), browser.auth)
    with pytest.raises(Rejected, match="auth secret has 3 bytes"):
        encrypted(b"", point(browser.key.public_key()), b"abc")


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with push_service() as found:
        yield found


@pytest.fixture
async def sender() -> AsyncIterator[PushSender]:
    made = PushSender(SystemClock(), allow_private=True)
    yield made
    await made.close()


def _device(service: PushService) -> Device:
    browser = service.browser
    return Device(
        person="ana", endpoint=service.url, p256dh=browser.p256dh, auth=text(browser.auth)
    )


async def test_a_push_service_gets_what_it_wants_and_the_browser_reads_it(
    service: PushService, sender: PushSender
) -> None:
    vapid = Vapid(Vapid.new_key(), "mailto:ops@example.com")
    await sender.send(vapid, _device(service), b'{"title":"x"}', urgency="high", topic="INC-1")
    (taken,) = service.taken
    assert taken.plain == b'{"title":"x"}'
    headers = taken.headers
    assert headers["content-encoding"] == "aes128gcm"
    assert headers["urgency"] == "high"
    assert 0 < int(headers["ttl"]) <= 86_400
    assert len(headers["topic"]) == 32
    claims = verified(headers["authorization"])
    assert claims["aud"] == service.url.removesuffix("/wp/one")
    assert claims["sub"] == "mailto:ops@example.com"
    assert 0 < int(str(claims["exp"])) - SystemClock().now() <= 86_400
    assert headers["authorization"].endswith(f"k={vapid.public}")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(410, Gone), (404, Gone), (503, Temporary), (429, Temporary), (403, Permanent)],
)
async def test_the_answer_says_what_is_to_be_done(
    service: PushService, sender: PushSender, status: int, kind: type[Exception]
) -> None:
    service.status = status
    vapid = Vapid(Vapid.new_key(), "mailto:a@b")
    with pytest.raises(kind, match=f"status {status}"):
        await sender.send(vapid, _device(service), b"{}", urgency="low", topic="t")


async def test_private_addresses_are_not_asked(service: PushService) -> None:
    guarded = PushSender(SystemClock())
    vapid = Vapid(Vapid.new_key(), "mailto:a@b")
    with pytest.raises(Rejected, match="not on the public internet"):
        await guarded.send(vapid, _device(service), b"{}", urgency="low", topic="t")
    named = Device(
        person="ana",
        endpoint=service.url.replace("127.0.0.1", "localhost"),
        p256dh=service.browser.p256dh,
        auth=text(service.browser.auth),
    )
    with pytest.raises(Temporary, match="not on the public internet"):
        await guarded.send(vapid, named, b"{}", urgency="low", topic="t")
    await guarded.close()
    assert service.taken == []


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("http://push.example.com/1", "https"),
        ("ftp://push.example.com/1", "https"),
        ("https://user:pw@push.example.com/1", "no user"),
        ("https:///1", "https"),
        ("https://push.example.com/" + "x" * 3000, "https"),
    ],
)
def test_an_address_that_is_none_is_refused(endpoint: str, why: str) -> None:
    browser = Browser()
    device = Device(person="ana", endpoint=endpoint, p256dh=browser.p256dh, auth=text(browser.auth))
    with pytest.raises(Rejected, match=why):
        checked(device, allow_http=False)


async def test_devices_are_kept_by_person_and_forgotten(tmp_path: Path) -> None:
    database = state_file(tmp_path / "state.db")
    await database.open()
    devices, browser = Devices(database, FakeClock()), Browser()
    made = Device(
        person="ana", endpoint="https://p/1", p256dh=browser.p256dh, auth=text(browser.auth)
    )
    kept = await devices.add(made)
    await devices.rang(kept)
    assert [one.rung_ms > 0 for one in await devices.of("ana")] == [True]
    with pytest.raises(NotFound):
        await devices.get("ben", kept.id)
    await devices.remove(kept)
    assert await devices.all() == []
    await database.close()
