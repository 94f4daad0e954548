"""By which ways is a person called, and after what time? His or her own rules, by urgency."""

from __future__ import annotations

from tocsin.model.people import ContactMethod, NotifyStep, Person

HIGH, LOW = "high", "low"


def methods_of(person: Person) -> tuple[ContactMethod, ...]:
    """Every way to reach a person; the address for mails when nothing else is given."""
    if person.methods or not person.email:
        return person.methods
    return (ContactMethod(name="email", kind="email", address=person.email),)


def ways(person: Person, urgency: str) -> tuple[tuple[ContactMethod, int], ...]:
    """The ways in order, and after how many ms each; empty when there is none at all.

    What is urgent goes by the rules for it, else by every way at once; what is not by its own
    rules, else by the first way alone. A rule for a way that is gone does not count.
    """
    methods = {one.name: one for one in methods_of(person)}
    rules = person.low_rules if urgency == LOW else person.rules
    found = [(methods[rule.method], rule.after_ms) for rule in rules if rule.method in methods]
    if found:
        return tuple(sorted(found, key=lambda way: way[1]))
    most = 1 if urgency == LOW else len(methods)
    return tuple((one, 0) for one in list(methods.values())[:most])


def steps_of(person: Person, urgency: str) -> tuple[NotifyStep, ...]:
    """What holds for a person, as rules."""
    return tuple(
        NotifyStep(method=method.name, after_ms=after_ms)
        for method, after_ms in ways(person, urgency)
    )
