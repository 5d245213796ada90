"""Who is told, and whether the mail server takes mails for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from secrets import token_hex
from threading import Thread

from skindose import notify, recipients, release
from skindose.config import Settings
from skindose.health.notes import Note, fault, ok, times, warning
from skindose.notify import MailServer, Outcome, State
from skindose.recipients import People
from skindose.registry import home

_FILE = recipients.FILE
_PATIENCE_S, _LONGEST_S = 15.0, 60  # for one answer, and for all of them
_TEXT = """This is a test of the mail server of skindose, which somebody asked for by
`skindose doctor --mail-to`. Nothing happened, and nothing is to be done.
"""


def recipients_of() -> People:
    """alerts.toml."""
    return recipients.load(home.place().folder)


def who_is_told(config: Path | None) -> Iterator[Note]:
    """Roles that the rules name and nobody holds; who hears of what failed."""
    people = recipients_of()
    if not people.recipient:
        yield warning("recipients", f"nobody is told of an alert: {_FILE} names no recipient", "See docs/alerts.md.")
        return
    asked = {role for rule in release.rules(Settings.load(config, {})).rules for role in rule.recipients}
    held = {one.role for one in people.recipient if not one.rooms}
    partly = {one.role for one in people.recipient} - held
    for role in sorted(asked - held - partly):
        yield fault("recipients", f"nobody holds the role {role}, which the rules name", f"Add it to {_FILE}.")
    for role in sorted(asked & partly):
        rooms = sorted({room for one in people.recipient if one.role == role for room in one.rooms})
        yield ok("recipients", f"the role {role} is held in {', '.join(rooms)} only")
    if not people.administrators:
        what = "nobody hears of mails that fail: administrators is empty"
        yield warning("recipients", what, f"Write it into {_FILE}.")
    yield ok("recipients", times(len(people.recipient), "entry", "entries"))


def server(mail_to: tuple[str, ...]) -> Iterator[Note]:
    """The mail server: reached, trusted, logged in; and a test mail where somebody wants one."""
    server = recipients_of().mail
    if server is None:
        yield warning("mail server", "none is configured: alerts are listed, not mailed", f"Write [mail] into {_FILE}.")
        return
    server = server.model_copy(update={"timeout_s": min(server.timeout_s, _PATIENCE_S)})
    if not mail_to:
        yield _told(
            _bounded(lambda: notify.check(server)), server, "answers and would take mails; --mail-to ADDRESS sends one"
        )
        return
    for address in mail_to:
        outcome = _bounded(partial(_deliver, address, server))
        yield _told(outcome, server, f"took a test mail to {address}: look whether it arrives")


def _deliver(address: str, server: MailServer) -> Outcome:
    return notify.deliver(_test(address, server), [address], server)[address]


def _bounded(ask: Callable[[], Outcome]) -> Outcome:
    """What the server does, in bounded time: one that sends a letter now and then, or a name server that is silent."""
    answer: Queue[Outcome] = Queue()
    Thread(target=lambda: answer.put(ask()), daemon=True).start()
    try:
        return answer.get(timeout=_LONGEST_S)
    except Empty:
        reason = f"the mail server was not done within {_LONGEST_S} s"
        return Outcome(State.LATER, None, reason, "Check host, port and firewall.")


def _told(outcome: Outcome, server: MailServer, good: str) -> Note:
    name = f"{server.host}:{server.port}"
    if outcome.state is State.SENT:
        return ok("mail server", f"{name} {good}")
    return fault("mail server", f"{name}: {outcome.reason}", outcome.remedy or "Ask who runs it.")


def _test(address: str, server: MailServer) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["Subject"] = "[skindose] test of the mail server"
    message["From"] = Address("skindose", addr_spec=server.sender)
    message["To"] = address
    message["Date"] = format_datetime(datetime.now(UTC).replace(microsecond=0))
    message["Message-ID"] = f"<skindose.test.{token_hex(12)}@{server.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEXT)
    return message
