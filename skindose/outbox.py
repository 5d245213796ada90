"""The worker that sends what waits in the outbox: `skindose alerts send`, and after each round of batch and watch.

Several may run at once: each mail is claimed by one of them before it is sent (registry/outgoing.py).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from skindose import notify
from skindose.errors import SkindoseError
from skindose.notify import MailServer, Outcome, State
from skindose.recipients import People
from skindose.registry import Registry
from skindose.report import mail
from skindose.report.digest import compose_digest
from skindose.report.mail_words import Alert, planned
from skindose.triggers import RuleSet

Deliver = Callable[[EmailMessage, Sequence[str], MailServer], dict[str, Outcome]]

NO_SERVER = "no mail server is configured: alerts are not mailed"
_LEASE_TIMES = 20  # of the patience for one answer: longer than delivery takes at most (notify: 15)
_OF_THE_SERVER = (421, 454, 530, 534, 535, 538)  # answers that would be the same for every other mail


@dataclass
class Round:
    """What became of one round.

    count     by state: sent, queued (again), failed
    trouble   what an administrator must see, each once
    """

    count: Counter[str] = field(default_factory=Counter)
    trouble: list[str] = field(default_factory=list)

    def tell(self, what: str) -> None:
        """Note trouble."""
        if what not in self.trouble:
            self.trouble.append(what)


def raising(registry: Registry, people: People, rules: RuleSet) -> Registry:
    """The registry, which from now on raises alerts with every result that is stored.

    rules    what the results are judged by
    """
    from skindose.registry import alerts

    return replace(registry, hook=alerts.raising(rules, people), summed=alerts.raising_of_sums(rules, people))


def send(registry: Registry, people: People, deliver: Deliver = notify.deliver) -> Round:
    """Escalate, send every mail that is due, and tell the administrator what failed.

    Stops where the server itself fails, since no other mail would do better.
    raises   RegistryError when the registry cannot be written: mails not yet claimed stay queued
    """
    from skindose.registry import escalation, outgoing

    done = Round()
    if people.mail is None:
        waiting = outgoing.counts()["queued"]
        if waiting:
            done.tell(f"{NO_SERVER}; {waiting} wait. Write [mail] into alerts.toml.")
        return done
    escalation.escalate(registry, people)
    if _send_due(registry, people, deliver, done):
        for line in escalation.digest(registry, people.administrators, people.domain):
            done.tell(line)
        _send_due(registry, people, deliver, done)
    for line in escalation.unheard():
        done.tell(line)
    return done


def _send_due(registry: Registry, people: People, deliver: Deliver, done: Round) -> bool:
    """Send what is due; False where the server itself fails."""
    from skindose.registry import outgoing

    assert people.mail is not None
    lease = timedelta(seconds=_LEASE_TIMES * people.mail.timeout_s + 60)
    while (letter := outgoing.claim(registry, lease)) is not None:
        outcome = _try(letter, people, deliver)
        wait = notify.retry_after(letter.attempts)
        done.count[outgoing.note(registry, letter, {**outcome._asdict(), "state": str(outcome.state)}, wait)] += 1
        if outcome.state is not State.SENT:
            done.tell(f"{outcome.reason}. {outcome.remedy}".strip())
        if _is_the_servers(outcome):
            return False
    return True


def _is_the_servers(outcome: Outcome) -> bool:
    return outcome.state is State.LATER and (outcome.code is None or outcome.code in _OF_THE_SERVER)


def _try(letter: Any, people: People, deliver: Deliver) -> Outcome:
    """Compose and deliver; a mail that cannot be composed is put off, so that a mended program sends it."""
    assert people.mail is not None
    try:
        message = _message(letter, people)
    except SkindoseError as error:
        return Outcome(State.LATER, 0, f"the mail cannot be made: {error.what}", error.remedy)
    except Exception as error:  # one mail's trouble is not the others'
        if os.environ.get("SKINDOSE_DEBUG") == "1":
            raise
        what = f"the mail cannot be made: an error inside the program ({type(error).__name__})"
        return Outcome(State.LATER, 0, what, "Report it to the makers.")
    return deliver(message, [letter.recipient], people.mail)[letter.recipient]


def _message(letter: Any, people: People) -> EmailMessage:
    assert people.mail is not None
    envelope = mail.Envelope(
        people.mail.sender, letter.recipient, letter.message_id, people.local(letter.date).replace(microsecond=0)
    )
    known = letter.alert
    if known is None:
        return compose_digest(letter.lines, envelope)
    facts = _facts(known)
    alert = Alert(
        case=known.case,
        level=known.severity,
        rule=known.rule,
        quantity=known.quantity,
        acknowledge_by=people.local(known.acknowledge_by),
        role=letter.role,
        told=known.told,
        room=people.room.get(known.station, ""),
        base_address=people.base_address,
        escalated_from=known.escalated_from,
        contacts=planned(facts),
    )
    return mail.compose(alert, facts, envelope, _picture(known, facts) if people.picture else None)


def _facts(known: Any) -> dict[str, Any]:
    """result.json as it was when the alert was raised, with who had signed its rules."""
    from skindose.registry import reading

    facts: dict[str, Any] = json.loads(reading.content(known.result))
    facts["trigger_set"] = {**facts["trigger_set"], "signed_by": known.signed_by}
    return facts


def _picture(known: Any, facts: dict[str, Any]) -> bytes | None:
    """None too where the picture cannot be made: the words matter more."""
    from skindose.registry import reading

    try:
        kept = reading.open_kept(known.procedure, known.version)
        return mail.picture(facts, kept.body, kept.dose_mgy) if kept.body is not None else None
    except SkindoseError:
        return None
