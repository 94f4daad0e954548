"""How does a bot's message say how things stand, and what does its thread say of a change?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from tocsin.model.labels import Labels
from tocsin.model.notices import Notice, NoticeAlert
from tocsin.notify.conversation import KeptMessage

ACKNOWLEDGE, GIVE_BACK, SILENCE, RESOLVE = (
    "tocsin_acknowledge",
    "tocsin_give_back",
    "tocsin_silence",
    "tocsin_resolve",
)
"""The buttons, as Slack names them when one is pressed."""

_FIRING, _TAKEN, _OVER = "#c01c28", "#c88800", "#26a269"
_NAMED = 10
_LONGEST_NAME = 200
_PLAIN = ("alertname",)


def status_attachment(
    message: KeptMessage, acknowledged: Mapping[str, str], *, has_buttons: bool, page: str = ""
) -> dict[str, object]:
    """The part below the message: counts, who has taken it on, and the buttons. `page` is where
    what fires is shown; empty is nowhere."""
    firing = len(message.firing)
    is_taken = bool(firing) and len(acknowledged) == firing
    color = _OVER if not firing else _TAKEN if is_taken else _FIRING
    words = f"{_state(message, acknowledged)} · since {_moment(message.opened_ms)}"
    if not firing:
        words = f"*Resolved* {_moment(message.told_ms)}, begun {_moment(message.opened_ms)}"
    elif page:
        words += f" · <{page}|Open in Tocsin>"
    blocks: list[dict[str, object]] = [
        {"type": "context", "elements": [{"type": "mrkdwn", "text": words}]}
    ]
    if firing and has_buttons:
        blocks.append(
            {"type": "actions", "elements": _buttons(message.group_id, is_taken=is_taken)}
        )
    fallback = _state(message, acknowledged).replace("*", "")
    return {"color": color, "fallback": fallback, "blocks": blocks}


def _state(message: KeptMessage, acknowledged: Mapping[str, str]) -> str:
    firing = len(message.firing)
    if not firing:
        return "*Resolved*"
    words = f"*{firing} firing*"
    if not acknowledged:
        return f"{words} · nobody has acknowledged"
    who = _people(acknowledged.values())
    if len(acknowledged) == firing:
        return f"{words} · acknowledged by *{who}*"
    return f"{words} · {len(acknowledged)} of {firing} acknowledged by *{who}*"


def _buttons(group_id: str, *, is_taken: bool) -> list[dict[str, object]]:
    take: dict[str, object] = _button(GIVE_BACK, "Unacknowledge", group_id)
    if not is_taken:
        take = {**_button(ACKNOWLEDGE, "Acknowledge", group_id), "style": "primary"}
    confirm = {
        "title": _text("Mark as resolved"),
        "text": _text("What still fires is told again at its next evaluation."),
        "confirm": _text("Mark as resolved"),
        "deny": _text("Leave it"),
    }
    return [
        take,
        _button(SILENCE, "Silence 1 h", group_id),
        {**_button(RESOLVE, "Mark as resolved", group_id), "confirm": confirm},
    ]


def _button(action: str, words: str, group_id: str) -> dict[str, object]:
    return {"type": "button", "action_id": action, "text": _text(words), "value": group_id}


def _text(words: str) -> dict[str, object]:
    return {"type": "plain_text", "text": words}


def change_words(before: KeptMessage, notice: Notice) -> str:
    """What the thread is told of a change: what began, what ended, or that it goes on."""
    began = [one for one in notice.firing if before.firing.get(one.fingerprint) != one.starts_ms]
    ended = [one for one in notice.resolved if one.fingerprint in before.firing]
    lasted = _lasted(notice.at_ms - before.opened_ms)
    if not notice.firing:
        return f":white_check_mark: All resolved after {lasted}."
    lines = []
    if began:
        lines.append(f":rotating_light: New: {_names(began, notice.group_labels)}")
    if ended:
        lines.append(f":white_check_mark: Resolved: {_names(ended, notice.group_labels)}")
    if not lines:
        count = len(notice.firing)
        lines.append(f":hourglass: Still firing after {lasted}: {_alerts(count)}.")
    return "\n".join(lines)


def is_urgent(before: KeptMessage, notice: Notice, acknowledged: Mapping[str, str]) -> bool:
    """Whether those in the channel must see the change, not only those who follow the thread: an
    alert began, or goes on, that nobody has acknowledged."""
    began = any(before.firing.get(one.fingerprint) != one.starts_ms for one in notice.firing)
    ended = any(one.fingerprint in before.firing for one in notice.resolved)
    open_ones = any(one.fingerprint not in acknowledged for one in notice.firing)
    return open_ones and (began or not ended)


def acknowledged_words(
    before: Mapping[str, str], now: Mapping[str, str], firing: int, note: str
) -> str:
    """What the thread is told when somebody took alerts on or gave them back; empty when neither
    happened."""
    fresh = {one: by for one, by in now.items() if before.get(one) != by}
    if fresh:
        which = "" if len(fresh) == firing else f" {len(fresh)} of {firing}"
        words = f":eyes: {_people(fresh.values())} acknowledged{which}"
        return f"{words}: {escaped(note)}" if note else f"{words}."
    back = before.keys() - now.keys()
    if back:
        return ":warning: No longer acknowledged; it is told again."
    return ""


def _names(alerts: Sequence[NoticeAlert], shared: Labels) -> str:
    shown = [_name(one, shared) for one in alerts[:_NAMED]]
    rest = len(alerts) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _name(alert: NoticeAlert, shared: Labels) -> str:
    """The alert's name and what tells it from others of its group."""
    labels = dict(alert.labels)
    own = [f"{k}={v}" for k, v in alert.labels if (k, v) not in shared and k not in _PLAIN]
    return escaped(" ".join((labels.get("alertname", "alert"), *own))[:_LONGEST_NAME])


def _people(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    return escaped(", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else ""))


def _alerts(count: int) -> str:
    return "1 alert" if count == 1 else f"{count} alerts"


def _lasted(ms: int) -> str:
    minutes = max(0, ms) // 60_000
    if minutes < 1:
        return "less than a minute"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _moment(ms: int) -> str:
    """Shown by Slack in each reader's own time zone."""
    seconds = ms // 1000
    plain = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{seconds}^{{date_short_pretty}} {{time}}|{plain}>"


def escaped(text: str) -> str:
    """As text in Slack's markup, where a name could otherwise call a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
