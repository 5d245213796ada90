"""An alert -> the mail that tells it: text and HTML, the map's picture, the follow-up dates. No network here.

Nothing in it names a patient, an operator, a number or UID of theirs, or a time of the procedure: texts come from
`mail_words.allowed` and from the program itself. The same arguments give the same bytes, so that a mail sent again is
the same mail.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from importlib import resources
from textwrap import wrap
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from skindose.config import is_mail_address
from skindose.errors import OutputError
from skindose.model import FloatArray, Phantom
from skindose.report import ics
from skindose.report.mail_words import (
    LEVELS,
    Alert,
    Facts,
    Section,
    allowed,
    headline,
    link,
    sections,
    short_time,
    under_headline,
)
from skindose.report.scene import DISCLAIMER

PICTURE_PX = 600
NO_ANSWER = "Sent by skindose. Do not answer with a patient's name or number: a mail is no place for them."
_COLUMNS = 72
_LABEL = 20  # columns of a label in the text
_COLOURS = {1: "#7a5c00", 2: "#a34400", 3: "#a11d1d", 4: "#6d1238"}  # of the headline; white letters stand on them
_CASE = re.compile(r"[A-Z]{1,3}-\d{4}-\d{4,8}")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9.=_+-]{1,120}@[A-Za-z0-9.-]{1,120}>")
_REMEDY = "This is a defect of the program: please report it."


class Envelope(NamedTuple):
    """From whom to whom; `message_id` stays the same for one alert and recipient, however often it is sent.

    date   when the mail was put into the outbox, with its time zone
    """

    sender: str
    recipient: str
    message_id: str
    date: datetime


def compose(
    alert: Alert, facts: Mapping[str, Any], envelope: Envelope, picture_png: bytes | None = None
) -> EmailMessage:
    """The mail to one recipient; in 7-bit lines that every server takes.

    facts         result.json
    picture_png   as `picture` makes it; None where there is no map or the site sends no pictures
    raises        OutputError for a case number, address, identifier or link that is none
    """
    _check(alert, envelope)
    known = allowed(facts)
    said = sections(alert, known)
    message = addressed(envelope, subject(alert))
    message["X-Auto-Response-Suppress"] = "All"  # what one widespread server heeds instead
    message.set_content(text(alert, known, said), cte="quoted-printable")
    _add_html(message, html(alert, known, said, "map@skindose.invalid" if picture_png else ""), alert, picture_png)
    if alert.contacts:
        _add_dates(message, alert, envelope.date)
    _name_boundaries(message, envelope.message_id)
    return message


def addressed(envelope: Envelope, about: str) -> EmailMessage:
    """A mail's head, without a body yet."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = about
    message["From"] = Address("skindose", addr_spec=envelope.sender)
    message["To"] = Address(addr_spec=envelope.recipient)
    message["Date"] = format_datetime(envelope.date)
    message["Message-ID"] = envelope.message_id
    message["Auto-Submitted"] = "auto-generated"
    return message


def subject(alert: Alert) -> str:
    """Neutral on a lock screen: "[skindose] level 2 - case K-2026-0147 - acknowledge by 25 Nov 16:00"."""
    return f"[skindose] level {alert.level} - case {alert.case} - acknowledge by {short_time(alert.acknowledge_by)}"


def picture(facts: Mapping[str, Any], phantom: Phantom, dose_mgy: FloatArray | None) -> bytes | None:
    """The map for a mail: the views and their scale, without the words beside them; None without a map."""
    from skindose.report.picture import picture_png

    try:
        return picture_png(allowed(facts), phantom, dose_mgy, PICTURE_PX, legend=False)
    except OutputError:
        return None


# --- The two bodies


def text(alert: Alert, facts: Facts, said: tuple[Section, ...]) -> str:
    """The plain text, in lines of 72 letters; a link stays on a line of its own, however long."""
    lines = [*wrap(headline(alert).upper(), _COLUMNS), *wrap(under_headline(alert, facts), _COLUMNS)]
    for section in said:
        lines += ["", section.title, "-" * len(section.title)]
        for label, words in section.rows:
            lines += _row(label, words, words == link(alert))
    return "\n".join([*lines, "", "-- ", *wrap(DISCLAIMER, _COLUMNS), "", *wrap(NO_ANSWER, _COLUMNS), ""])


def _row(label: str, words: str, whole: bool) -> list[str]:
    """A label, and beside it its text; a long label stands on a line above."""
    if whole:
        return [f"{label}:", words]
    if not label:
        return _wrapped(words)
    indent = " " * (_LABEL + 2)
    beside = _wrapped(words, indent) or [indent]
    if len(label) >= _LABEL:
        return [f"{label}:", *beside]
    return [f"{label + ':':<{len(indent)}}{beside[0].strip()}", *beside[1:]]


_WITH_UNIT = re.compile(r"(?<=\d) (?=%|Gy|mGy|min\b|cm)")
_NO_BREAK = "\u00a0"


def _wrapped(words: str, indent: str = "") -> list[str]:
    """In lines of 72 letters; a number and its unit stay together."""
    lines = wrap(_WITH_UNIT.sub(_NO_BREAK, words), _COLUMNS, initial_indent=indent, subsequent_indent=indent)
    return [line.replace(_NO_BREAK, " ") for line in lines]


def html(alert: Alert, facts: Facts, said: tuple[Section, ...], picture_id: str) -> str:
    """The HTML: tables and inline style, which every mail program shows; no script, nothing from elsewhere."""
    rendered = _template().render(
        title=subject(alert),
        headline=headline(alert),
        under=under_headline(alert, facts),
        colour=_COLOURS[alert.level],
        sections=[
            Section(one.title, tuple((label, _WITH_UNIT.sub(_NO_BREAK, words)) for label, words in one.rows))
            for one in said
        ],
        important=[section.title for section in said[:2]],
        address=link(alert),
        picture=picture_id,
        disclaimer=DISCLAIMER,
        no_answer=NO_ANSWER,
    )
    return str(rendered)


@lru_cache
def _template() -> Any:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = resources.files("skindose.report").joinpath("mail.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source)


# --- Parts


def _add_html(message: EmailMessage, page: str, alert: Alert, picture_png: bytes | None) -> None:
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    if picture_png:
        part = message.get_payload()[1]  # type: ignore[index]
        part.add_related(  # type: ignore[union-attr]
            picture_png,
            "image",
            "png",
            cid="<map@skindose.invalid>",
            filename=f"{alert.case}.png",
            disposition="inline",
        )


def _add_dates(message: EmailMessage, alert: Alert, stamp: datetime) -> None:
    dates = ics.calendar(alert.case, alert.contacts, stamp)
    message.add_attachment(
        dates, subtype="calendar", params={"method": "PUBLISH"}, filename=f"{alert.case}.ics", cte="quoted-printable"
    )


def _name_boundaries(message: EmailMessage, seed: str) -> None:
    """Boundaries made from the identifier instead of at random; "=_" occurs in no encoded body."""
    digest = hashlib.sha256(seed.encode()).hexdigest()[:24]
    for number, part in enumerate(part for part in message.walk() if part.is_multipart()):
        part.set_boundary(f"=_{digest}_{number}")


# --- Checks


def _check(alert: Alert, envelope: Envelope) -> None:
    """What goes into a header or a link is of one form, so that nobody writes headers with it."""
    wrong = [
        name
        for name, right in (
            ("case number", _CASE.fullmatch(alert.case)),
            ("level", alert.level in LEVELS),
            ("time to acknowledge", alert.acknowledge_by.utcoffset() is not None),
            ("date", envelope.date.utcoffset() is not None),
            ("Message-ID", _MESSAGE_ID.fullmatch(envelope.message_id)),
        )
        if not right
    ]
    if wrong:
        raise OutputError(f"the alert's {wrong[0]} is not of its form", "", _REMEDY)
    for name, address in (("sender", envelope.sender), ("recipient", envelope.recipient)):
        if not is_mail_address(address):
            raise OutputError(f"the {name} is no mail address", "", "Write it as name@host in the configuration.")
    if alert.base_address and not _is_web(alert.base_address):
        raise OutputError("the base address is no web address", "", "Write it like https://dose.example.org.")


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    plain = re.fullmatch(r"[!-~]+", address) and not re.search(r"[<>\"'\\^`{|}]", address)
    return bool(plain and parts.scheme in ("http", "https") and parts.hostname and not parts.username) and not (
        parts.query or parts.fragment
    )
