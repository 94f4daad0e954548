"""How does each person want to be reached? What the configuration says, and what they set.

A way that somebody adds counts once it has proved to reach them: a code that was sent there.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence

import msgspec

from tocsin.kit.clock import Clock
from tocsin.kit.fault import NotFound, Rejected
from tocsin.model.people import ContactMethod, NotifyStep, Person
from tocsin.oncall.paging.rules import methods_of
from tocsin.state.database import Database
from tocsin.state.shelf import Kept, Shelf
from tocsin.state.tables import ONCALL_NOTES

OWN_KINDS = ("sms", "call", "email", "slack", "telegram", "pagerduty")
"""What people may add themselves; browsers are added by allowing them to ring."""
PUSH = ContactMethod(name="push", kind="push")
_MOST_METHODS = 10
_MOST_RULES = 20
_MOST_TRIES = 5
_CODE_MS = 15 * 60_000
_NEXT_CODE_MS = 30_000
_MOST_CODES, _HOUR_MS = 10, 3_600_000
"""So many codes an hour for one person: each may ring a stranger, and costs money."""
_MOST_TO_ONE = 4
"""So many codes an hour to one address, whoever asks for them."""
_MOST_WRONG = 15
"""So many wrong codes an hour from one person; then none counts for a while."""
_LONGEST_DELAY_MS = 24 * 3_600_000
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_MAIL = re.compile(r"[^\s@<>,;]{1,64}@[^\s@<>,;]{1,190}")
_NAME = re.compile(r"[\w .+-]{1,40}")
_WORD = re.compile(r"[\w.:+-]{1,100}", re.ASCII)


class OwnMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A way that somebody added; it counts once `verified_ms` is not 0."""

    name: str
    kind: str
    address: str
    verified_ms: int = 0
    code_hash: str = ""
    code_ms: int = 0
    tries: int = 0

    @property
    def method(self) -> ContactMethod:
        """As pages need it."""
        return ContactMethod(name=self.name, kind=self.kind, address=self.address)


class SentCode(msgspec.Struct, frozen=True):
    """That a code went there; the address itself is not kept longer than its way."""

    at_ms: int
    to: str


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """What one person set; rules that are None are those of the configuration."""

    person: str
    methods: tuple[OwnMethod, ...] = ()
    high: tuple[NotifyStep, ...] | None = None
    low: tuple[NotifyStep, ...] | None = None
    codes_ms: tuple[int, ...] = ()
    """When codes were sent within the last hour."""
    sent: tuple[SentCode, ...] = ()
    """To which addresses they were sent."""
    wrong_ms: tuple[int, ...] = ()
    """When codes were given within the last hour that were none."""


def reachable(person: Person, contact: Contact | None, *, has_device: bool) -> Person:
    """The person with what he or she set; a browser that may ring is a way by itself."""
    methods = {one.name: one for one in methods_of(person)}
    if has_device and not any(one.kind == PUSH.kind for one in methods.values()):
        methods = {PUSH.name: PUSH, **methods}
    if contact is not None:
        methods |= {one.name: one.method for one in contact.methods if one.verified_ms}
        high = person.rules if contact.high is None else contact.high
        low = person.low_rules if contact.low is None else contact.low
        person = msgspec.structs.replace(person, rules=high, low_rules=low)
    return msgspec.structs.replace(person, methods=tuple(methods.values()))


class Contacts:
    """What people set. All raise Temporary when the database does not answer."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._shelf = Shelf(database, ONCALL_NOTES, kind="contact")
        self._clock = clock

    async def all(self) -> Mapping[str, Contact]:
        """By person."""
        kept = [msgspec.json.decode(one.content, type=Contact) for one in await self._shelf.all()]
        return {one.person: one for one in kept}

    async def of(self, person: str) -> Contact:
        """What somebody set; nothing when nothing was."""
        return (await self.all()).get(person) or Contact(person=person)

    async def add(
        self, person: Person, name: str, kind: str, address: str
    ) -> tuple[OwnMethod, str]:
        """A way to be proved by the code that is returned; nobody but its receiver may see it.
        Raises Rejected."""
        contact = await self.of(person.name)
        made = _checked(name.strip() or kind, kind, address.strip())
        taken = {one.name for one in methods_of(person)} | {one.name for one in contact.methods}
        if made.name in taken:
            raise Rejected(f"there is a way {made.name!r} already; choose another name")
        if len(contact.methods) >= _MOST_METHODS:
            raise Rejected(f"at most {_MOST_METHODS} ways of one's own; remove one")
        contact = await self._counted(contact, made)
        made, code = self._with_code(made)
        await self._keep(contact, (*contact.methods, made))
        return made, code

    async def send_again(self, person: str, name: str) -> tuple[OwnMethod, str]:
        """Another code for a way that is not proved yet. Raises Rejected so soon after the last."""
        contact = await self.of(person)
        found = _method(contact, name)
        if self._clock.now_ms() - found.code_ms < _NEXT_CODE_MS:
            raise Rejected("a code was sent a moment ago; wait half a minute for it")
        contact = await self._counted(contact, found)
        made, code = self._with_code(found)
        await self._keep(contact, _with(contact, made))
        return made, code

    async def verify(self, person: str, name: str, code: str) -> None:
        """The way counts from now on. Raises Rejected for another code, or after five of them."""
        contact = await self.of(person)
        found = _method(contact, name)
        if found.verified_ms:
            return
        now = self._clock.now_ms()
        wrong = _within_hour(contact.wrong_ms, now)
        _refuse_more(wrong, _MOST_WRONG, now, "too many wrong codes")
        if found.tries >= _MOST_TRIES or now - found.code_ms > _CODE_MS:
            raise Rejected("that code does not count any more; have another one sent")
        if not hmac.compare_digest(_hash(code.strip()), found.code_hash):
            tried = msgspec.structs.replace(found, tries=found.tries + 1)
            contact = msgspec.structs.replace(contact, wrong_ms=(*wrong, now))
            await self._keep(contact, _with(contact, tried))
            raise Rejected("that is not the code that was sent")
        proved = msgspec.structs.replace(found, verified_ms=now, code_hash="")
        await self._keep(contact, _with(contact, proved))

    async def remove(self, person: str, name: str) -> None:
        """Raises NotFound when there is no such way of one's own."""
        contact = await self.of(person)
        _method(contact, name)
        await self._keep(contact, [one for one in contact.methods if one.name != name])

    async def set_rules(
        self, person: Person, urgency: str, rules: Sequence[NotifyStep] | None
    ) -> None:
        """By which ways to be called, for "high" or "low"; None: as the configuration says.
        `person` is `reachable`. Raises Rejected for a way that is not there."""
        contact = await self.of(person.name)
        if rules is not None:
            _check_rules(person, rules)
        steps = None if rules is None else tuple(sorted(rules, key=lambda rule: rule.after_ms))
        changed = {"high" if urgency == "high" else "low": steps}
        await self._save(msgspec.structs.replace(contact, **changed))

    async def _counted(self, contact: Contact, method: OwnMethod) -> Contact:
        """With one code more, which removing the way does not take back. Raises Rejected for one
        too many, of the person or to the address."""
        now = self._clock.now_ms()
        recent = _within_hour(contact.codes_ms, now)
        _refuse_more(recent, _MOST_CODES, now, f"at most {_MOST_CODES} codes an hour")
        known = {**await self.all(), contact.person: contact}
        target = _target(method)
        to_one = [
            one.at_ms
            for each in known.values()
            for one in each.sent
            if one.to == target and now - one.at_ms < _HOUR_MS
        ]
        _refuse_more(to_one, _MOST_TO_ONE, now, f"at most {_MOST_TO_ONE} codes an hour there")
        kept = tuple(one for one in contact.sent if now - one.at_ms < _HOUR_MS)
        return msgspec.structs.replace(
            contact, codes_ms=(*recent, now), sent=(*kept, SentCode(now, target))
        )

    def _with_code(self, method: OwnMethod) -> tuple[OwnMethod, str]:
        code = f"{secrets.randbelow(1_000_000):06d}"
        now = self._clock.now_ms()
        made = msgspec.structs.replace(method, code_hash=_hash(code), code_ms=now, tries=0)
        return made, code

    async def _keep(self, contact: Contact, methods: Sequence[OwnMethod]) -> None:
        await self._save(msgspec.structs.replace(contact, methods=tuple(methods)))

    async def _save(self, contact: Contact) -> None:
        kept = Kept(content=msgspec.json.encode(contact), updated_at=self._clock.now_ms())
        await self._shelf.save({contact.person: kept})


def _within_hour(times_ms: Sequence[int], now_ms: int) -> tuple[int, ...]:
    return tuple(at for at in times_ms if now_ms - at < _HOUR_MS)


def _refuse_more(recent_ms: Sequence[int], most: int, now_ms: int, words: str) -> None:
    if len(recent_ms) >= most:
        minutes = max(1, round((min(recent_ms) + _HOUR_MS - now_ms) / 60_000))
        raise Rejected(f"{words}; try again in {minutes} minutes")


def _target(method: OwnMethod) -> str:
    """A text message and a call to a number are one address."""
    kind = "phone" if method.kind in ("sms", "call") else method.kind
    return hashlib.sha256(f"{kind} {method.address.casefold()}".encode()).hexdigest()[:32]


def _checked(name: str, kind: str, address: str) -> OwnMethod:
    if kind not in OWN_KINDS:
        raise Rejected(f"{kind[:40]!r} is no kind of way; known are {', '.join(OWN_KINDS)}")
    if not _NAME.fullmatch(name):
        raise Rejected("a way's name has up to 40 letters, digits, blanks, dots or dashes")
    if kind in ("sms", "call") and not _NUMBER.fullmatch(
        address := re.sub(r"[\s()/-]", "", address)
    ):
        raise Rejected("a number begins with + and the country, such as +49 151 23456789")
    if kind == "email" and not _MAIL.fullmatch(address):
        raise Rejected(f"{address[:100]!r} is no mail address")
    if not (kind in ("sms", "call", "email") or _WORD.fullmatch(address)):
        raise Rejected(f"{address[:100]!r} is no address of the kind {kind}")
    return OwnMethod(name=name, kind=kind, address=address)


def _check_rules(person: Person, rules: Sequence[NotifyStep]) -> None:
    known = {one.name for one in methods_of(person)}
    if len(rules) > _MOST_RULES:
        raise Rejected(f"at most {_MOST_RULES} rules")
    for rule in rules:
        if rule.method not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise Rejected(f"there is no way {rule.method[:40]!r}; known are {listed}")
        if not 0 <= rule.after_ms <= _LONGEST_DELAY_MS:
            raise Rejected("a rule counts after 0 to 1440 minutes")


def _method(contact: Contact, name: str) -> OwnMethod:
    for one in contact.methods:
        if one.name == name:
            return one
    raise NotFound(f"{contact.person} has added no way {name[:40]!r}")


def _with(contact: Contact, changed: OwnMethod) -> list[OwnMethod]:
    return [changed if one.name == changed.name else one for one in contact.methods]


def _hash(code: str) -> str:
    return hashlib.sha256(f"contact code {code}".encode()).hexdigest()
