"""What do answers to pages come to? Acknowledging and escalating, also of test pages."""

from __future__ import annotations

from tocsin.app.errands import ErrandRunner
from tocsin.incident.book import Author, IncidentBook
from tocsin.kit.signed_link import SignedLink
from tocsin.oncall.escalation.handler import EscalationHandler
from tocsin.oncall.paging.answers import is_test
from tocsin.oncall.paging.testing import PageTests
from tocsin.web.pager import Standing


class PageAnswers:
    """Implements `web.pager.Answers`."""

    def __init__(
        self,
        book: IncidentBook,
        handler: EscalationHandler,
        tests: PageTests,
        runner: ErrandRunner,
    ) -> None:
        self._book = book
        self._handler = handler
        self._tests = tests
        self._runner = runner

    async def acknowledge(self, number: str, who: str, source: str) -> str:
        """As `Answers`."""
        if is_test(number):
            test = await self._tests.answer(number.partition("/")[2])
            seconds = (test.answered_ms - test.at_ms) / 1000
            return f"The test page was answered after {seconds:.0f} s. Thank you."
        before = await self._book.get(number)
        if before.acknowledged_ms:
            return f"{before.acknowledged_by} has it already; nothing has changed."
        await self._book.acknowledge(number, Author(who, source))
        return f"Acknowledged: {number} is yours, and nobody else is called."

    async def escalate(self, number: str, who: str, source: str) -> str:
        """As `Answers`. What somebody has taken on is given back first."""
        if is_test(number):
            await self._tests.answer(number.partition("/")[2])
            return "The test page was answered. A test is not escalated."
        incident = await self._book.get(number)
        is_given_back = bool(incident.acknowledged_ms) and not incident.is_over
        if is_given_back:
            await self._book.unacknowledge(number, Author(who, source))
        await self._handler.hurry(number, who, is_given_back=is_given_back)
        self._runner.wake()
        return f"Escalated: whoever comes next for {number} is called now."

    async def standing(self, link: SignedLink) -> Standing:
        """What a link is about. Raises NotFound."""
        if is_test(link.subject):
            test = await self._tests.get(link.subject.partition("/")[2])
            return Standing(
                title="Test page of Tocsin",
                severity="test",
                status="answered" if test.answered_ms else "waiting for an answer",
                since_s=test.at_ms / 1000,
                is_over=bool(test.answered_ms),
            )
        found = await self._book.get(link.subject)
        return Standing(
            title=found.title,
            severity=found.severity,
            status=found.status.value,
            since_s=(found.started_ms or found.opened_ms) / 1000,
            is_over=found.is_over,
            taken_by=found.acknowledged_by,
            path=f"/incidents/{found.number}",
        )
