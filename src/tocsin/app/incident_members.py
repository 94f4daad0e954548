"""Who in Slack is which person? By their ids in the configuration, else by mail address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from tocsin.incident.response.ports import OnCall
from tocsin.kit.fault import Fault, Rejected
from tocsin.model.incidents import Incident
from tocsin.model.people import Person
from tocsin.notify.slack_api import SlackApi

_REMEMBERED = 5000


class Members:
    """Finds members and people, and remembers them until the configuration changes."""

    def __init__(self, api: Callable[[], SlackApi]) -> None:
        self.people: Callable[[], Mapping[str, Person]] = dict
        """Who can be on call, by name."""
        self.on_call: OnCall | None = None
        self._api = api
        self._given: Mapping[str, str] = {}
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def configure(self, given: Mapping[str, str]) -> None:
        """Members' ids by people's names."""
        self._given = given
        self._ids.clear()
        self._names.clear()

    async def id_of(self, person: str) -> str:
        """A person's id in Slack, by name or mail address; empty when they are not there. Raises
        Temporary, or SlackRefused."""
        known = self._given.get(person) or self._ids.get(person)
        if known is not None:
            return known
        found = self.people().get(person)
        slack = [m.address for m in found.methods if m.kind == "slack"] if found else []
        email = found.email if found else person
        its_id = slack[0] if slack and slack[0] else ""
        if not its_id and "@" in email:
            its_id = await self._api().member_of(email)
        if len(self._ids) < _REMEMBERED:
            self._ids[person] = its_id
        return its_id

    async def ids(
        self, wanted: Sequence[str], incident: Incident
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The ids of those who are to be invited, and the names of those who are not in Slack."""
        found: dict[str, None] = {}
        unknown: list[str] = []
        for one in wanted:
            name = await self._meant(one, incident)
            if not name:
                continue
            its_id = name if _is_id(name) else await self.id_of(name)
            if its_id:
                found[its_id] = None
            else:
                unknown.append(name)
        return tuple(found), tuple(unknown)

    async def _meant(self, word: str, incident: Incident) -> str:
        match word:
            case "on_call":
                return await self.on_call.now("", incident) if self.on_call else ""
            case "assignee":
                return incident.assignee
            case _ if word in incident.roles:
                return incident.roles[word]
            case "commander" | "communications":
                return ""
            case _:
                return word

    async def mentions(self, names: Iterable[str]) -> dict[str, str]:
        """How Slack shows these people; those who are not there are left out. Nothing is raised: a
        name does as well."""
        found: dict[str, str] = {}
        for name in dict.fromkeys(names):
            if not name:
                continue
            try:
                its_id = await self.id_of(name)
            except Fault:
                continue
            if its_id:
                found[name] = f"<@{its_id}>"
        return found

    async def person(self, member_id: str, username: str) -> str:
        """Who a member is among people; the member's own name when nobody is known."""
        return await self.known(member_id) or username or member_id

    async def known(self, member_id: str) -> str:
        """Who a member is among people; empty when nobody is known."""
        for name, its_id in {**self._given, **self._slack_methods()}.items():
            if its_id == member_id:
                return name
        known = self._names.get(member_id)
        if known is not None:
            return known
        found = await self._by_mail(member_id)
        if found is not None and len(self._names) < _REMEMBERED:
            self._names[member_id] = found
        return found or ""

    async def _by_mail(self, member_id: str) -> str | None:
        """Empty when nobody has that address; None when Slack does not say."""
        try:
            email = (await self._api().member(member_id)).profile.email.lower()
        except Fault:
            return None
        people = self.people().values()
        return next((one.name for one in people if email and one.email.lower() == email), "")

    def _slack_methods(self) -> dict[str, str]:
        return {
            one.name: method.address
            for one in self.people().values()
            for method in one.methods
            if method.kind == "slack" and method.address
        }

    async def tell(self, person: str, text: str) -> None:
        """A direct message. Raises Rejected when they are not in Slack, else as `SlackApi`."""
        its_id = await self.id_of(person)
        if not its_id:
            raise Rejected(f"{person} is not found in Slack")
        await self._api().post({"channel": its_id, "text": text})


def _is_id(name: str) -> bool:
    return len(name) >= 9 and name[:1] in "UWS" and name.isalnum() and name.isupper()
