"""Mail servers on loopback: a real one (aiosmtpd) with STARTTLS and log-in, and one that misbehaves by a script."""

import contextlib
import socket
import ssl
import threading

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = "skindose", "correct horse battery staple"


class Keys:
    """A certificate authority of the test's own, and what it issued."""

    def __init__(self, folder):
        self.ca_file = folder / "ca.pem"
        self._ca = trustme.CA()
        self._ca.cert_pem.write_to_path(str(self.ca_file))

    def context(self, name="127.0.0.1"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(name).configure_cert(context)
        return context


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Received:
    """aiosmtpd's handler: keeps what came; `refuse` has answers by recipient, each used once if it is in a list."""

    def __init__(self, refuse=None, data="250 2.0.0 taken"):
        self.refuse, self.data = refuse or {}, data
        self.mails, self.logins = [], []

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = self.refuse.get(address)
        if isinstance(answer, list):
            answer = answer.pop(0) if answer else None
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        if self.data.startswith("250"):
            self.mails.append((envelope.mail_from, tuple(envelope.rcpt_tos), envelope.content))
        return self.data

    def authenticate(self, server, session, envelope, mechanism, given):
        right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        self.logins.append(right)
        return AuthResult(success=right, handled=False)


class _Controller(Controller):
    def __init__(self, handler, context, **options):
        self._options = {"tls_context": context, "timeout": 5, "hostname": "mail.example", **options}
        super().__init__(handler, hostname="127.0.0.1", port=free_port(), ready_timeout=20)

    def factory(self):
        return SMTP(self.handler, **self._options)


@contextlib.contextmanager
def starttls(handler, keys, name="127.0.0.1"):
    """A server that asks for STARTTLS and log-in; its port."""
    options = {"require_starttls": True, "auth_required": True, "authenticator": handler.authenticate}
    running = _Controller(handler, keys.context(name), **options)
    running.start()
    try:
        yield running.port
    finally:
        running.stop()


@contextlib.contextmanager
def plain(handler):
    """A server without encryption or log-in; its port."""
    running = _Controller(handler, None)
    running.start()
    try:
        yield running.port
    finally:
        running.stop()


@contextlib.contextmanager
def scripted(dialogue):
    """A server whose every connection is `dialogue(file, connection)`; its port and the list of what clients said."""
    listener, said = socket.create_server(("127.0.0.1", 0)), []

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection, connection.makefile("rwb") as file:
                dialogue(Line(file, said), connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1], said
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


class Line:
    """What a scripted server does: answer, hear a line, hear a mail up to its dot."""

    def __init__(self, file, said):
        self._file, self._said = file, said

    def answer(self, text):
        self._file.write(text.encode() + b"\r\n")
        self._file.flush()

    def hear(self, answer=None):
        line = self._file.readline().decode().strip()
        self._said.append(line)
        if answer:
            self.answer(answer)
        return line

    def until_data(self):
        """Greeting to 354: the mail comes next."""
        self.answer("220 here")
        for answer in ("250 hello", "250 sender ok", "250 recipient ok", "354 go on"):
            self.hear(answer)

    def mail(self):
        while (line := self._file.readline()) not in (b".\r\n", b""):
            pass
        return line
