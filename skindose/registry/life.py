"""The life of an alert and of a mail: (state, event) -> state, every pair of them. Nothing else changes a state."""

from __future__ import annotations

from collections.abc import Mapping

# Of an alert. The first two are never mailed: its rules were not signed, or its procedure was an old one.
UNSIGNED, OLD, WAITING, SENT, ACKNOWLEDGED = "unsigned", "old", "waiting", "sent", "acknowledged"
# Of a mail; SENT is a state of both.
QUEUED, SENDING, FAILED, CANCELLED = "queued", "sending", "failed", "cancelled"

TOLD, TAKEN_ON = "a mail of it was taken", "acknowledged"
CLAIMED, TAKEN, REFUSED, PUT_OFF, GIVEN_UP = "claimed", "taken by the server", "refused", "put off", "given up"
AGAIN, NOT_NEEDED = "asked for again", "every alert in it was acknowledged"

ALERT: Mapping[str, Mapping[str, str]] = {
    UNSIGNED: {TOLD: UNSIGNED, TAKEN_ON: ACKNOWLEDGED},
    OLD: {TOLD: OLD, TAKEN_ON: ACKNOWLEDGED},
    WAITING: {TOLD: SENT, TAKEN_ON: ACKNOWLEDGED},
    SENT: {TOLD: SENT, TAKEN_ON: ACKNOWLEDGED},
    ACKNOWLEDGED: {TOLD: ACKNOWLEDGED, TAKEN_ON: ACKNOWLEDGED},
}
_FINDS = (REFUSED, PUT_OFF, GIVEN_UP)  # of a worker: only of a mail that is still its own
MAIL: Mapping[str, Mapping[str, str]] = {
    QUEUED: {CLAIMED: SENDING, TAKEN: SENT, **dict.fromkeys(_FINDS, QUEUED), AGAIN: QUEUED, NOT_NEEDED: CANCELLED},
    SENDING: {
        CLAIMED: SENDING, TAKEN: SENT, REFUSED: FAILED, PUT_OFF: QUEUED, GIVEN_UP: FAILED, AGAIN: SENDING,
        NOT_NEEDED: SENDING,
    },
    SENT: dict.fromkeys((CLAIMED, TAKEN, *_FINDS, AGAIN, NOT_NEEDED), SENT),
    FAILED: {CLAIMED: FAILED, TAKEN: SENT, **dict.fromkeys(_FINDS, FAILED), AGAIN: QUEUED, NOT_NEEDED: FAILED},
    CANCELLED: {TAKEN: SENT, **dict.fromkeys((CLAIMED, *_FINDS, AGAIN, NOT_NEEDED), CANCELLED)},
}  # fmt: skip

OPEN = (WAITING, SENT)  # alerts that somebody has to take on: they escalate, and stand in the digest


def alert_after(state: str, event: str) -> str:
    """The alert's state after an event.

    >>> alert_after(WAITING, TOLD)
    'sent'
    """
    return ALERT[state][event]


def mail_after(state: str, event: str) -> str:
    """The mail's state after an event.

    >>> mail_after(SENDING, PUT_OFF)
    'queued'
    """
    return MAIL[state][event]
