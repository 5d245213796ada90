"""What failed -> the mail that tells the administrator: plain text; case numbers and roles, nobody's name."""

from __future__ import annotations

from collections.abc import Iterable
from email.message import EmailMessage
from textwrap import wrap

from skindose.report.mail import NO_ANSWER, Envelope, addressed
from skindose.report.mail_words import plain

_COLUMNS = 72


def compose_digest(lines: Iterable[str], envelope: Envelope) -> EmailMessage:
    """The mail to one administrator; the same arguments give the same bytes."""
    said = [plain(line) for line in lines]
    reached = f"{len(said)} alert{'' if len(said) == 1 else 's'} reached nobody: please look"
    message = addressed(envelope, f"[skindose] {reached}")
    text = ["What could not be told, or was not acknowledged:", ""]
    for line in said:
        text += wrap(line, _COLUMNS, initial_indent="- ", subsequent_indent="  ")
    text += ["", *wrap(_REMEDY, _COLUMNS), "", "-- ", *wrap(NO_ANSWER, _COLUMNS), ""]
    message.set_content("\n".join(text), cte="quoted-printable")
    return message


_REMEDY = (
    "Tell those who should know; `skindose alerts list --open` has them all. Mend alerts.toml, then "
    "`skindose alerts resend CASE` and `skindose alerts send`."
)
