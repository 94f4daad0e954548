"""By which ways is a person called, and after what time? His or her own rules, by urgency."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tocsin.model.people import ContactMethod, NotifyStep, Person

HIGH, LOW = "high", "low"


def methods_of(person: Person) -> tuple[ContactMethod, ...]:
    """Every way to reach a person; the address for mails when nothing else is given."""
    if person.methods or not person.email:
        return person.methods
    return (ContactMethod(name="email", kind="email", address=person.email),)


@dataclass(frozen=True, slots=True)
class Way:
    """How somebody is called so long after the page; `nth` of those by the same method."""

    method: ContactMethod
    after_ms: int
    nth: int = 1


def ways(person: Person, urgency: str) -> tuple[Way, ...]:
    """The ways in order; empty when there is none at all.

    What is urgent goes by the rules for it, else by every way at once; what is not by its own
    rules, else by the first way alone. A rule for a way that is gone does not count, nor does one
    that says the same twice; one that names a way again later rings it again.
    """
    methods = {one.name: one for one in methods_of(person)}
    rules = person.low_rules if urgency == LOW else person.rules
    found = {(rule.after_ms, rule.method): None for rule in rules if rule.method in methods}
    if found:
        seen: Counter[str] = Counter()
        made = []
        for after_ms, name in sorted(found, key=lambda way: way[0]):
            seen[name] += 1
            made.append(Way(methods[name], after_ms, seen[name]))
        return tuple(made)
    most = 1 if urgency == LOW else len(methods)
    return tuple(Way(one, 0) for one in list(methods.values())[:most])


def steps_of(person: Person, urgency: str) -> tuple[NotifyStep, ...]:
    """What holds for a person, as rules."""
    return tuple(
        NotifyStep(method=way.method.name, after_ms=way.after_ms) for way in ways(person, urgency)
    )
