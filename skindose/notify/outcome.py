"""What becomes of a mail to one recipient, and when the next try is due."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple


class State(StrEnum):
    """What the outbox does next with a recipient."""

    SENT = "sent"  # the server took responsibility: strike him off
    REFUSED = "refused"  # this mail to this recipient will never pass: tell the administrator
    LATER = "later"  # try again by `retry_after`


class Outcome(NamedTuple):
    """What became of one recipient.

    code       the server's answer, None where there was none
    reason     in words, for the log and the digest; no password, nothing of the mail
    remedy     what an administrator can do; "" where waiting is all
    doubtful   the mail may have arrived: the answer to its end was lost. The next try has the same Message-ID
    of_the_server   it would be the same for every other mail: no connection, no log-in, our sender is refused
    """

    state: State
    code: int | None = None
    reason: str = ""
    remedy: str = ""
    doubtful: bool = False
    of_the_server: bool = False


# Waiting before the next try, by the number of tries that failed: greylisting is over in minutes, a server is mended
# in hours, a weekend takes days. 14 tries over 6 days.
RETRY_AFTER: tuple[timedelta, ...] = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 2, 4, 8)),
    *(timedelta(days=1) for _ in range(5)),
)


def retry_after(failed: int) -> timedelta | None:
    """How long to wait after this many failed tries (1, 2, ...); None: give up and tell the administrator.

    >>> str(retry_after(1)), str(retry_after(6)), retry_after(len(RETRY_AFTER) + 1)
    ('0:01:00', '2:00:00', None)
    """
    if failed < 1:
        raise ValueError("no try has failed")
    return RETRY_AFTER[failed - 1] if failed <= len(RETRY_AFTER) else None
