"""One connection to the mail server, one transaction per recipient. The only file that knows smtplib.

No password stands in any text that leaves here, and of what a server answers only its codes: the rest may quote the
mail or the log-in.
"""

from __future__ import annotations

import base64
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP

from skindose.config import is_mail_address
from skindose.errors import SettingsError
from skindose.notify.outcome import Outcome, State
from skindose.notify.server import MailServer


class _DeliveryError(Exception):
    """Carries the outcome to whom it concerns: `all_of_them` where no other recipient can do better."""

    def __init__(self, outcome: Outcome, all_of_them: bool = False) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome._replace(of_the_server=True) if all_of_them else outcome
        self.all_of_them = all_of_them


def deliver(message: EmailMessage, recipients: Sequence[str], server: MailServer) -> dict[str, Outcome]:
    """Send a mail to each recipient in a transaction of his own, over one connection where it holds.

    Never raises for what a server, a network or a configuration does; each recipient has exactly one outcome.
    """
    content, outcomes = message.as_bytes(policy=SMTP), dict[str, Outcome]()
    connection: smtplib.SMTP | None = None
    for recipient in dict.fromkeys(recipients):
        try:
            if not is_mail_address(recipient):
                raise _DeliveryError(Outcome(State.REFUSED, None, "no mail address", "Mend the address of this role."))
            connection = connection or _open(server)
            with _in_time(connection, server.timeout_s):
                _transact(connection, server.sender, recipient, content)
            outcomes[recipient] = Outcome(State.SENT, 250)
        except _DeliveryError as failed:
            outcomes[recipient] = failed.outcome
            if failed.all_of_them:
                return outcomes | {other: failed.outcome for other in recipients if other not in outcomes}
        if connection is not None and connection.sock is None:
            connection = None
    _leave(connection)
    return outcomes


def check(server: MailServer) -> Outcome:
    """Whether the server can be reached, is the one meant and takes the log-in; sends nothing."""
    try:
        _leave(_open(server))
    except _DeliveryError as failed:
        return failed.outcome
    return Outcome(State.SENT, 220, "the server answers and takes the log-in" if server.user else "the server answers")


# --- Connection

_ANSWERS = 15  # more than the answers in one dialogue, the long one to a mail's end included
_LAST_ANSWER = 5  # times the usual patience: a server may look through a mail before it takes it, and a mail given up
# there comes twice


def _open(server: MailServer) -> smtplib.SMTP:
    """A connection, encrypted and logged in as configured; _DeliveryError for all recipients otherwise."""
    connection: smtplib.SMTP | None = None
    try:
        password, context = server.password(), _context(server)
        connection = _connect(server, context)
        with _in_time(connection, server.timeout_s):
            connection.ehlo_or_helo_if_needed()
            if server.security == "starttls" and context is not None:
                _start_tls(connection, context)
            if server.user:
                _log_in(connection, server.user, password)
        return connection
    except _DeliveryError:
        _close(connection)
        raise
    except SettingsError as error:
        raise _DeliveryError(Outcome(State.LATER, None, error.what, error.remedy), all_of_them=True) from None
    except (OSError, smtplib.SMTPException, ValueError) as error:
        _close(connection)
        raise _DeliveryError(_why_not_open(error), all_of_them=True) from None


def _connect(server: MailServer, context: ssl.SSLContext | None) -> smtplib.SMTP:
    name = server.client_name or None
    if server.security == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, name, timeout=server.timeout_s, context=context)
    return smtplib.SMTP(server.host, server.port, name, timeout=server.timeout_s)


def _context(server: MailServer) -> ssl.SSLContext | None:
    """Certificates and names are checked, always."""
    if server.security == "none":
        return None
    try:
        context = ssl.create_default_context(cafile=str(server.ca_file) if server.ca_file else None)
    except OSError:
        raise SettingsError("ca_file holds no certificates that can be read", "", "Give a PEM file.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _start_tls(connection: smtplib.SMTP, context: ssl.SSLContext) -> None:
    if not connection.has_extn("starttls"):
        reason = "the server offers no STARTTLS: nothing was sent"
        raise _DeliveryError(
            Outcome(State.LATER, None, reason, "Take security = tls, or ask who runs it."), all_of_them=True
        )
    code, _ = connection.starttls(context=context)
    if code != 220:
        raise smtplib.SMTPResponseException(code, "STARTTLS")
    connection.ehlo()


def _log_in(connection: smtplib.SMTP, user: str, password: str) -> None:
    """One try, in UTF-8, by PLAIN or LOGIN: more tries of a wrong password would lock the account.

    What the server answers is not repeated: it may hold what was sent.
    """
    offered = connection.esmtp_features.get("auth", "").upper().split()
    if "PLAIN" in offered:  # [RFC 4616]
        code, _ = connection.docmd("AUTH", f"PLAIN {_base64(f'{_NUL}{user}{_NUL}{password}')}")
    elif "LOGIN" in offered:
        code, _ = connection.docmd("AUTH", "LOGIN")
        for answer in (user, password):
            code = connection.docmd(_base64(answer))[0] if code == 334 else code
    else:
        reason = "the server takes no log-in, or none by PLAIN or LOGIN"
        raise _DeliveryError(Outcome(State.LATER, None, reason, "Ask who runs it."), all_of_them=True)
    if code == 421:
        raise smtplib.SMTPServerDisconnected
    if code != 235:
        reason = "the server did not accept user and password"
        remedy = "Check user and password of the mail server."
        raise _DeliveryError(Outcome(State.LATER, code, reason, remedy), all_of_them=True)


_NUL = "\0"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _timed_out(error: Exception) -> bool:
    """Whether nothing came in time; smtplib tells it as a lost connection."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


def _why_not_open(error: Exception) -> Outcome:
    """The reason why there is no connection, in words."""
    code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else None
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = f"the server's certificate is not trusted: {error.verify_message}"
        return Outcome(State.LATER, code, reason, "Check host and ca_file; the certificate's name must be the host's.")
    for kind, reason, remedy in _NOT_OPEN:
        if isinstance(error, kind) or (kind is TimeoutError and _timed_out(error)):
            return Outcome(State.LATER, code, reason, remedy)
    return Outcome(State.LATER, code, "no connection to the mail server", "Check host and port.")


_NOT_OPEN: tuple[tuple[type[Exception], str, str], ...] = (
    (TimeoutError, "the mail server does not answer", "Check host, port and firewall."),
    (ssl.SSLError, "no encryption could be agreed with the mail server", "Check port and security."),
    (ConnectionRefusedError, "nobody listens at the mail server's port", "Check host and port; is it running?"),
    (smtplib.SMTPServerDisconnected, "the mail server hung up", ""),
    (smtplib.SMTPResponseException, "the mail server is not ready", ""),
    (UnicodeError, "the mail server's name is none", "Check host."),
)


@contextmanager
def _in_time(connection: smtplib.SMTP, timeout_s: float) -> Iterator[None]:
    """An end to a server that sends a letter every now and then, which a socket's own timeout never sees."""

    def stop() -> None:
        if connection.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    watch = threading.Timer(_ANSWERS * timeout_s, stop)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _leave(connection: smtplib.SMTP | None) -> None:
    """Say good-bye; what became of the mail is known without it."""
    if connection is not None:
        with suppress(OSError, smtplib.SMTPException):
            connection.quit()
        _close(connection)


def _close(connection: smtplib.SMTP | None) -> None:
    if connection is not None:
        with suppress(OSError, smtplib.SMTPException):
            connection.close()


# --- One transaction


def _transact(connection: smtplib.SMTP, sender: str, recipient: str, content: bytes) -> None:
    """MAIL, RCPT, DATA; _DeliveryError with what the server or the network did, and the connection ready or closed."""
    sending = False
    _wait(connection, 1)
    try:
        _expect(connection.mail(sender), 250, about_sender=True)
        _expect(connection.rcpt(recipient), 250, 251)
        sending = True
        _wait(connection, _LAST_ANSWER)
        _expect(connection.data(content), 250)
    except _DeliveryError:
        _reset(connection)
        raise
    except smtplib.SMTPDataError as error:  # DATA itself was refused: nothing of the mail was sent
        outcome = _judge(error.smtp_code, error.smtp_error, about_sender=False)
        _reset(connection)
        raise _DeliveryError(outcome) from None
    except (OSError, smtplib.SMTPException, ValueError) as error:
        _close(connection)
        reason = (
            "the mail server stopped answering" if _timed_out(error) else "the mail server broke the connection off"
        )
        raise _DeliveryError(Outcome(State.LATER, None, reason, "", sending, of_the_server=True)) from None


def _wait(connection: smtplib.SMTP, times: float) -> None:
    """From now on wait that many times the usual for an answer."""
    if connection.sock is not None:
        connection.sock.settimeout(times * connection.timeout)


def _expect(answer: tuple[int, bytes], *good: int, about_sender: bool = False) -> None:
    code, text = answer
    if code not in good:
        raise _DeliveryError(_judge(code, text, about_sender))


def _reset(connection: smtplib.SMTP) -> None:
    """Ready for the next recipient; a server that is not, or has hung up (421), is left."""
    try:
        if connection.rset()[0] != 250:
            _close(connection)
    except (OSError, smtplib.SMTPException):
        _close(connection)


_CONFIGURATION = {530, 534, 535, 538}  # authentication or encryption is asked for  [RFC 4954]
_CLOSING = {421, 454}  # the service is not available just now, to anybody  [RFC 5321, RFC 4954]


def _judge(code: int, text: bytes | str, about_sender: bool) -> Outcome:
    """5xx to a recipient or his mail is for good; to the sender, or for want of a log-in, it is our configuration."""
    said = f"the mail server answered {code}{_enhanced(text)}"
    if code in _CONFIGURATION:
        remedy = "Configure user and password of the mail server, or encryption."
        return Outcome(State.LATER, code, said, remedy, of_the_server=True)
    if 500 <= code < 600:
        if about_sender:
            return Outcome(State.LATER, code, f"{said} to the sender's address", "Check sender.", of_the_server=True)
        return Outcome(State.REFUSED, code, said, "Check the address of this role with whoever runs the mail server.")
    gone = code <= 0 or code in _CLOSING
    return Outcome(State.LATER, code if code > 0 else None, said, of_the_server=gone)


def _enhanced(text: bytes | str) -> str:
    """The answer's enhanced status code (" 5.1.1"), all of its text that is repeated: the rest may quote the mail."""
    first = (text.decode("ascii", "replace") if isinstance(text, bytes) else text).split(maxsplit=1)[:1]
    parts = first[0].split(".") if first else []
    known = len(parts) == 3 and all(part.isdigit() and len(part) <= 3 for part in parts) and parts[0] in "245"
    return f" {first[0]}" if known else ""
