"""What chats are told, byte for byte, and what their answers mean."""

from __future__ import annotations

import pytest

from tests.notify.making import alert, made, making, notice
from tests.notify.telling import body, form, told
from tocsin.kit.clock import FakeClock
from tocsin.kit.document import ConfigError
from tocsin.kit.fault import Permanent, Temporary
from tocsin.model import outbox

OVER = notice(alert(instance="1", ends=True))
LONG = "{{ range .Alerts }}" + "x" * 3000 + "{{ end }}"
LISTS = (
    "\n\n# Alerts Firing:\n\nLabels:\n  - alertname = Down\n  - instance = 1\n  - service = api\n"
    '\nAnnotations:\n  - summary = S "q" & <é>\n\nSource: http://g/x?a=1&b=2\n\n\n\n'
    "\n# Alerts Resolved:\n\nLabels:\n  - alertname = Down\n  - instance = 2\n  - service = api\n"
    '\nAnnotations:\n  - summary = S "q" & <é>\n\nSource: http://g/x?a=1&b=2\n\n\n\n'
)


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        pytest.param(
            "discord",
            "{webhook_url: URL/hook, title: t, message: 'm & <é>', content: '@here'}",
            '{"content":"@here","embeds":[{"title":"t","description":"m \\u0026 \\u003cé\\u003e",'
            '"color":10038562}]}\n',
            id="Discord gets an embed",
        ),
        pytest.param(
            "discord",
            "{webhook_url: URL/hook, title: t, message: m, username: Bell, avatar_url: 'http://a'}",
            '{"content":"","embeds":[{"title":"t","description":"m","color":10038562}],'
            '"username":"Bell","avatar_url":"http://a"}\n',
            id="Discord shows another name and picture",
        ),
        pytest.param(
            "msteams",
            "{webhook_url: URL/hook, title: t, summary: s, text: x}",
            '{"@context":"http://schema.org/extensions","type":"MessageCard","title":"t",'
            '"summary":"s","text":"x","themeColor":"8C1A1A"}\n',
            id="Teams' old connector gets a message card",
        ),
        pytest.param(
            "msteamsv2",
            "{webhook_url: URL/hook, title: t, text: x}",
            '{"type":"message","attachments":[{"contentType":'
            '"application/vnd.microsoft.card.adaptive","contentUrl":null,"content":{"$schema":'
            '"http://adaptivecards.io/schemas/adaptive-card.json","type":"AdaptiveCard",'
            '"version":"1.2","body":[{"type":"TextBlock","text":"t","weight":"Bolder",'
            '"size":"Medium","wrap":true,"style":"heading","color":"Attention"},'
            '{"type":"TextBlock","text":"x","wrap":true}],"msteams":{"width":"full"}}}]}\n',
            id="Teams' workflow gets an adaptive card",
        ),
        pytest.param(
            "mattermost",
            "{webhook_url: URL/hook, text: x}",
            '{"text":"x","username":"Alertmanager"}\n',
            id="Mattermost gets a text",
        ),
        pytest.param(
            "mattermost",
            "{webhook_url: URL/hook, text: '', attachments: [{title: T, text: X, "
            "fields: [{title: a, value: b, short: true}]}], props: {card: C}, "
            "priority: {priority: Urgent, requested_ack: true, persistent_notifications: true}}",
            '{"username":"Alertmanager","attachments":[{"text":"X","title":"T","fields":'
            '[{"title":"a","value":"b","short":true}]}],"props":{"card":"C"},"priority":'
            '{"priority":"urgent","requested_ack":true,"persistent_notifications":true}}\n',
            id="Mattermost gets attachments, a card and a priority",
        ),
        pytest.param(
            "mattermost",
            "{webhook_url: URL/hook, text: x, priority: {priority: loud, requested_ack: true}}",
            '{"text":"x","username":"Alertmanager","priority":{"priority":"standard"}}\n',
            id="Mattermost gets no priority that it does not know",
        ),
        pytest.param(
            "mattermost",
            "{webhook_url: URL/hook, text: x, pretext: p}",
            '{"text":"x","username":"Alertmanager","attachments":[{"fallback":'
            '"[FIRING:1] Down (api) | http://am.example/#/alerts?receiver=web%5C.hook",'
            '"color":"danger","pretext":"p","title":"[FIRING:1] Down (api)","title_link":'
            '"http://am.example/#/alerts?receiver=web%5C.hook"}]}\n',
            id="Mattermost gets an attachment of the receiver's own keys",
        ),
        pytest.param(
            "webex",
            "{api_url: URL/hook, room_id: R, message: '**x**', "
            "http_config: {authorization: {credentials: T}}}",
            '{"markdown":"**x**","roomId":"R"}\n',
            id="Webex gets markdown",
        ),
    ],
)
async def test_a_body_is_what_the_service_documents(kind: str, text: str, wanted: str) -> None:
    [seen] = await told(kind, text)
    assert (seen.method, seen.path) == ("POST", "/hook")
    assert seen.headers["content-type"] == "application/json"
    assert seen.body.decode() == wanted


async def test_rocketchat_gets_an_attachment_with_fields_and_buttons() -> None:
    text = (
        "{api_url: URL, token: TT, token_id: II, channel: '#x', text: t, title: T, "
        "fields: [{title: a, value: '{{ .Status }}'}], short_fields: true, "
        "actions: [{text: go, url: 'http://x'}, {text: say, msg: hi}]}"
    )
    [seen] = await told("rocketchat", text, answers=[(200, {}, b'{"success":true}')])
    assert seen.path == "/api/v1/chat.postMessage"
    assert (seen.headers["x-auth-token"], seen.headers["x-user-id"]) == ("TT", "II")
    assert seen.body.decode() == (
        '{"channel":"#x","attachments":[{"title":"T","title_link":'
        '"http://am.example/#/alerts?receiver=web%5C.hook","text":"t","color":"red","fields":'
        '[{"short":true,"title":"a","value":"firing"}],"actions":[{"type":"button","text":"go",'
        '"url":"http://x","is_webview":false,"msg_in_chat_window":false},{"type":"button",'
        '"text":"say","is_webview":false,"msg":"hi","msg_in_chat_window":false}]}]}\n'
    )


@pytest.mark.parametrize("kind", ["msteams", "msteamsv2", "mattermost"])
async def test_the_default_text_lists_alerts_in_markdown(kind: str) -> None:
    [seen] = await told(kind, "{webhook_url: URL}")
    wanted = LISTS.replace('"', '\\"').replace("&", "\\u0026").replace("<", "\\u003c")
    assert wanted.replace(">", "\\u003e").replace("\n", "\\n") in seen.body.decode()


async def test_colours_say_that_it_is_over() -> None:
    for kind, mark in (("discord", "3066993"), ("msteams", "2DC72D"), ("msteamsv2", '"Good"')):
        [seen] = await told(kind, "{webhook_url: URL}", about=OVER)
        assert mark in seen.body.decode()


@pytest.mark.parametrize(
    ("kind", "text", "key", "most"),
    [
        ("discord", f"{{webhook_url: URL, content: '{LONG}'}}", "content", 2000),
        ("mattermost", f"{{webhook_url: URL, text: '{LONG * 6}'}}", "text", 16_383),
    ],
)
async def test_a_text_ends_where_the_service_ends_it(
    kind: str, text: str, key: str, most: int
) -> None:
    [seen] = await told(kind, text)
    found = body(seen)
    assert isinstance(found, dict)
    assert len(found[key]) == most
    assert found[key].endswith("x…")


async def test_teams_gets_no_more_than_it_takes() -> None:
    for kind in ("msteams", "msteamsv2"):
        [seen] = await told(kind, f"{{webhook_url: URL, text: '{LONG * 20}'}}")
        assert 24_000 < len(seen.body) < 28_000


async def test_telegram_loses_tags_rather_than_half_of_one() -> None:
    text = "{api_url: URL, bot_token: T, chat_id: 5, message: '<b>%s</b>&amp;'}"
    [seen] = await told("telegram", text % ("x" * 4095))
    assert '"parse_mode":"HTML"' in seen.body.decode()
    [seen] = await told("telegram", text % ("x" * 4097))
    assert seen.body.decode() == (
        '{"chat_id":"5","disable_web_page_preview":"true","text":"%s…"}\n' % ("x" * 4095)
    )


async def test_pushover_gets_a_form_and_no_secret_in_its_address() -> None:
    text = "{api_url: URL/1/messages.json, user_key: U, token: T, message: ' ', html: yes, ttl: 1h}"
    [seen] = await told("pushover", text)
    assert seen.path == "/1/messages.json"
    assert form(seen) == {
        "device": "",
        "expire": "3600",
        "html": "1",
        "message": "(no details)",
        "priority": "2",
        "retry": "60",
        "sound": "",
        "title": "[FIRING:1] Down (api)",
        "token": "T",
        "ttl": "3600",
        "url": "http://am.example/#/alerts?receiver=web%5C.hook",
        "url_title": "",
        "user": "U",
    }


async def test_wechat_keeps_its_token_until_it_is_told_to_get_another() -> None:
    text = "{api_url: URL, api_secret: S, corp_id: C, message: m, to_user: u}"
    over = b'{"errcode":42001,"errmsg":"access_token expired"}'
    token = b'{"errcode":0,"access_token":"AT+1"}'
    with pytest.raises(Temporary, match="new token"):
        await told("wechat", text, answers=[(200, {}, token), (200, {}, over)])
    seen = await told("wechat", text, answers=[(200, {}, token), (200, {}, b'{"errcode":0}')])
    assert [one.path for one in seen] == [
        "/gettoken?corpid=C&corpsecret=S",
        "/message/send?access_token=AT%2B1",
    ]
    assert seen[1].body.decode() == (
        '{"text":{"content":"m"},"touser":"u","safe":"0","msgtype":"text",'
        '"markdown":{"content":""}}\n'
    )


@pytest.mark.parametrize(
    ("kind", "text", "answer", "error", "words"),
    [
        ("rocketchat", "{api_url: URL, token: a, token_id: b}",
         b'{"success":false,"error":"no-room"}', Permanent, "no-room"),
        ("rocketchat", "{api_url: URL, token: a, token_id: b}", b"<html>", Permanent, "JSON"),
        ("wechat", "{api_url: URL, api_secret: S, corp_id: C}",
         b'{"errcode":40013,"errmsg":"invalid corpid"}', Permanent, "invalid corpid"),
    ],
)  # fmt: skip
async def test_a_service_may_refuse_with_status_200(
    kind: str, text: str, answer: bytes, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await told(kind, text, answers=[(200, {}, answer)])


@pytest.mark.parametrize(
    ("kind", "text", "answer", "wait"),
    [
        ("telegram", "{api_url: URL, bot_token: T, chat_id: 5}",
         b'{"ok":false,"error_code":429,"parameters":{"retry_after":17}}', 17.0),
        ("discord", "{webhook_url: URL}",
         b'{"message":"You are being rate limited.","retry_after":64.57,"global":false}', 64.57),
        ("discord", "{webhook_url: URL}", b"busy", None),
    ],
)  # fmt: skip
async def test_who_is_told_too_much_says_for_how_long(
    kind: str, text: str, answer: bytes, wait: float | None
) -> None:
    with pytest.raises(Temporary) as caught:
        await told(kind, text, answers=[(429, {}, answer)])
    assert caught.value.retry_after == wait


async def test_a_refusal_that_quotes_the_address_keeps_the_secret() -> None:
    secret = "T0KEN-0123456789abcdef"
    for kind, text in (
        ("discord", f"{{webhook_url: URL/api/webhooks/1/{secret}}}"),
        ("telegram", f"{{api_url: URL, bot_token: {secret}, chat_id: 5}}"),
        ("victorops", f"{{api_url: URL, api_key: {secret}, routing_key: r}}"),
    ):
        quoted = f"no such path: /x/bot{secret}/sendMessage {secret}".encode()
        with outbox.watch() as box, pytest.raises(Permanent, match="no such path") as caught:
            await told(kind, text, answers=[(404, {}, quoted)])
        assert secret not in box.mask(str(caught.value))
        assert secret not in box.answer + box.body


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("discord", "{}", "one of webhook_url and webhook_url_file must be given"),
        ("msteams", "{webhook_url: a, webhook_url_file: b}", "exclude each other"),
        ("telegram", "{chat_id: 5}", "write bot_token here or telegram_bot_token in global"),
        ("telegram", "{bot_token: T}", "one of chat_id and chat_id_file"),
        ("telegram", "{bot_token: T, chat_id: 5, parse_mode: Word}", "Markdown"),
        ("webex", "{room_id: R}", "http_config.authorization"),
        ("pushover", "{user_key: U, token: T, html: true, monospace: true}", "exclude"),
        ("rocketchat", "{token: T}", "write token_id here or rocketchat_token_id in global"),
        ("mattermost", "{}", "mattermost_webhook_url in global"),
        ("wechat", "{api_secret: S}", "wechat_api_corp_id in global"),
        ("wechat", "{api_secret: S, corp_id: C, message_type: image}", "markdown"),
    ],
)
def test_mistakes_are_told(clock: FakeClock, kind: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(kind, text, making(clock))
    assert words in str(caught.value)


def test_what_is_over_is_told_unless_a_service_is_asked_for_it(clock: FakeClock) -> None:
    texts = {
        "discord": "webhook_url: u",
        "rocketchat": "token: a, token_id: b",
        "wechat": "api_secret: a, corp_id: b",
    }
    base = making(clock)
    found = {kind: made(kind, f"{{{text}}}", base).sends_resolved for kind, text in texts.items()}
    assert found == {"discord": True, "rocketchat": False, "wechat": False}
    asked = made("wechat", "{api_secret: a, corp_id: b, send_resolved: true}", base)
    assert asked.sends_resolved


async def test_what_global_gives_is_used() -> None:
    shared = "{telegram_api_url: URL, telegram_bot_token: GT}"
    [seen] = await told("telegram", "{chat_id: 5}", shared=shared)
    assert seen.path == "/botGT/sendMessage"
