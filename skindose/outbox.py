"""The worker that sends what waits in the outbox: `skindose alerts send`, and after each round of batch and watch.

Several may run at once: each mail is claimed by one of them before it is sent (registry/outgoing.py).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from skindose import earlier, notify
from skindose.errors import SkindoseError, unforeseen
from skindose.notify import MailServer, Outcome, State
from skindose.recipients import People
from skindose.registry import Registry
from skindose.report import mail
from skindose.report.digest import compose_digest
from skindose.report.mail_words import Alert, planned, procedure_day
from skindose.triggers import RuleSet

Deliver = Callable[[EmailMessage, Sequence[str], MailServer], dict[str, Outcome]]

NO_SERVER = "no mail server is configured: alerts are not mailed"
_LEASE_TIMES = 20  # of the patience for one answer: longer than delivery takes at most (notify: 15)


@dataclass
class Round:
    """What became of one round.

    count     by state: sent, queued (again), failed
    trouble   what an administrator must see, each once
    waiting   how many mails wait since when, where the server itself fails; depends on the clock
    """

    count: Counter[str] = field(default_factory=Counter)
    trouble: list[str] = field(default_factory=list)
    waiting: str = ""

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

    done, making = Round(), _Making(people)
    if people.mail is None:
        waiting = outgoing.counts()["queued"]
        if waiting:
            done.tell(f"{NO_SERVER}; {waiting} wait. Write [mail] into alerts.toml.")
        return done
    escalation.escalate(registry, people)
    if _send_due(registry, making, deliver, done):
        for line in escalation.digest(registry, people.administrators, people.domain):
            done.tell(line)
        _send_due(registry, making, deliver, done)
    else:
        done.waiting = outgoing.waiting()
    for line in escalation.unheard():
        done.tell(line)
    return done


def _send_due(registry: Registry, making: _Making, deliver: Deliver, done: Round) -> bool:
    """Send what is due; False where the server itself fails."""
    from skindose.registry import outgoing

    lease = timedelta(seconds=_LEASE_TIMES * making.server.timeout_s + 60)
    while (letter := outgoing.claim(registry, lease)) is not None:
        outcome = _try(letter, making, deliver)
        wait = notify.retry_after(letter.attempts)
        done.count[outgoing.note(registry, letter, {**outcome._asdict(), "state": str(outcome.state)}, wait)] += 1
        if outcome.state is not State.SENT:
            done.tell(f"{outcome.reason}. {outcome.remedy}".strip())
        if outcome.of_the_server:
            return False
    return True


def _try(letter: Any, making: _Making, deliver: Deliver) -> Outcome:
    """Compose and deliver; a mail that cannot be composed is put off, so that a mended program sends it."""
    try:
        message = making.message(letter)
    except SkindoseError as error:
        return Outcome(State.LATER, None, f"the mail cannot be made: {error.what}", error.remedy)
    except Exception as error:  # one mail's trouble is not the others'
        what = f"the mail cannot be made: {unforeseen(error).what}"
        return Outcome(State.LATER, None, what, "Report it to the makers.")
    return deliver(message, [letter.recipient], making.server)[letter.recipient]


class _Making:
    """Makes mails; facts and picture of the last result are kept, since its mails follow each other."""

    def __init__(self, people: People) -> None:
        self._people = people
        self._last: tuple[Any, dict[str, Any], bytes | None] = (None, {}, None)

    @property
    def server(self) -> MailServer:
        """Where mails go."""
        assert self._people.mail is not None
        return self._people.mail

    def message(self, letter: Any) -> EmailMessage:
        """The mail that a letter is.

        raises   SkindoseError
        """
        people, known = self._people, letter.alert
        date = people.local(letter.date).replace(microsecond=0)
        envelope = mail.Envelope(self.server.sender, letter.recipient, letter.message_id, date)
        if known is None:
            return compose_digest(letter.lines, envelope)
        facts, picture = self._of(known)
        before = earlier.in_mail(known.procedure, known.sums)
        facts = facts | {"triggers": earlier.judged_with(facts["triggers"], before.findings)}
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
            earlier=before.words,
            of_sum=known.of_sum,
            escalated_from=known.escalated_from,
            contacts=earlier.contacts(planned(facts), before.raised, procedure_day(facts)),
            also=known.also,
        )
        return mail.compose(alert, facts, envelope, picture)

    def _of(self, known: Any) -> tuple[dict[str, Any], bytes | None]:
        result = (known.procedure, known.version, known.signed_by)
        if self._last[0] != result:
            facts = _facts(known)
            self._last = (result, facts, _picture(known, facts) if self._people.picture else None)
        return self._last[1:]


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
