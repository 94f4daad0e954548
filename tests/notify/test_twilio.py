"""Text messages and calls, as Twilio's API documents them."""

from __future__ import annotations

import base64

import pytest

from tests.notify.making import alert, made, making, notice
from tests.notify.telling import form, told
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Permanent, Temporary
from tocsin.notify.sms_text import parts_of

LOGIN = "account_sid: AC1, auth_token: hush"
SMS = f"{{{LOGIN}, api_url: URL, from: '+15550001', to: '+15550002'}}"


async def test_a_text_message_is_posted() -> None:
    [seen] = await told("twilio", SMS)
    assert (seen.method, seen.path) == ("POST", "/2010-04-01/Accounts/AC1/Messages.json")
    assert seen.headers["authorization"] == f"Basic {base64.b64encode(b'AC1:hush').decode()}"
    assert seen.body == (
        b"To=%2B15550002&From=%2B15550001&Body=%5BFIRING%3A1%5D+Down+%28api%29%0A"
        b"S+%22q%22+%26+%3C%C3%A9%3E%0AOK%3A+S+%22q%22+%26+%3C%C3%A9%3E"
    )


async def test_a_messaging_service_may_choose_the_number_and_a_key_may_log_in() -> None:
    text = (
        "{account_sid: AC1, api_key: SK1, api_key_secret: hush, api_url: URL, "
        "messaging_service_sid: MG1, to: '{{ .CommonLabels.phone }}', message: x}"
    )
    [seen] = await told("twilio", text, about=notice(alert(phone="+15550009")))
    assert form(seen) == {"To": "+15550009", "MessagingServiceSid": "MG1", "Body": "x"}
    assert seen.headers["authorization"] == f"Basic {base64.b64encode(b'SK1:hush').decode()}"


async def test_a_long_text_is_cut_to_the_parts_that_are_paid_for() -> None:
    storm = notice(*(alert(instance=str(number)) for number in range(300)))
    for most in (1, 4, 10):
        [seen] = await told("twilio", SMS.replace("{", f"{{max_segments: {most}, ", 1), about=storm)
        body = form(seen)["Body"]
        assert parts_of(body) == most
        assert body.startswith("[FIRING:300] Down (api)")
        assert body.endswith("...")


async def test_a_call_says_it_twice() -> None:
    text = SMS.replace("{", "{type: voice, voice: Polly.Amy, language: en-GB, ", 1)
    [seen] = await told("twilio", text)
    assert seen.path == "/2010-04-01/Accounts/AC1/Calls.json"
    assert form(seen) == {
        "To": "+15550002",
        "From": "+15550001",
        "Twiml": '<Response><Say voice="Polly.Amy" language="en-GB" loop="2">Alert. 1 firing. '
        'Down. S "q" &amp; &lt;é&gt;. S "q" &amp; &lt;é&gt;.</Say></Response>',
    }


async def test_a_call_says_whole_words_within_twilios_limit() -> None:
    text = SMS.replace("{", "{type: voice, message: '%s', " % ("one & two " * 900), 1)
    [seen] = await told("twilio", text)
    twiml = form(seen)["Twiml"]
    assert 3900 < len(twiml) <= 4000
    assert twiml.endswith(
        (" one</Say></Response>", "&amp;</Say></Response>", "two</Say></Response>")
    )


async def test_nobody_is_called_because_it_is_over(clock: FakeClock) -> None:
    base = making(clock)
    call = SMS.replace("{", "{type: voice, ", 1)
    assert made("twilio", SMS, base).sends_resolved
    assert not made("twilio", call, base).sends_resolved
    assert made("twilio", call.replace("{", "{send_resolved: true, ", 1), base).sends_resolved


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (429, b'{"code":20429,"message":"Too Many Requests","status":429}', Temporary),
        (400, b'{"code":21211,"message":"Invalid To Number","status":400}', Permanent),
        (401, b'{"code":20003,"message":"Authenticate","status":401}', Permanent),
        (503, b"", Temporary),
    ],
)
async def test_a_status_says_whether_to_try_again(
    status: int, said: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        await told("twilio", SMS, answers=[(status, {}, said)])
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{account_sid: A, to: x, from: y}", "one of auth_token and auth_token_file and api_key"),
        ("{account_sid: A, to: x, from: y, api_key: k}", "belong together"),
        (f"{{{LOGIN}, to: x}}", "one of from and messaging_service_sid"),
        (f"{{{LOGIN}, to: x, messaging_service_sid: m, type: voice}}", "from must be given"),
        (f"{{{LOGIN}, to: x, from: y, max_segments: 11}}", "max_segments"),
        (f"{{{LOGIN}, from: y}}", 'the key "to" is missing'),
    ],
)
def test_mistakes_are_told(clock: FakeClock, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made("twilio", text, making(clock))
    assert words in str(caught.value)
