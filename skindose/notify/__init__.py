"""A mail -> SMTP: one transaction per recipient, and for each what became of it.

    server = MailServer.load(table)
    for recipient, outcome in deliver(message, recipients, server).items(): ...

A mail that cannot be delivered is never an exception: the outbox needs to know for every recipient whether to strike
him off, to try again after `retry_after`, or to tell the administrator.
"""

from skindose.notify.outcome import RETRY_AFTER, Outcome, State, retry_after
from skindose.notify.server import MailServer, is_loopback
from skindose.notify.smtp import check, deliver

__all__ = ["RETRY_AFTER", "MailServer", "Outcome", "State", "check", "deliver", "is_loopback", "retry_after"]
