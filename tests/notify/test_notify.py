"""Delivery against real servers on loopback: taken, refused, put off, stalled, dropped, impostors."""

import email
import random
import ssl
import time
import tomllib
from datetime import timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from skindose.errors import SettingsError
from skindose.notify import RETRY_AFTER, MailServer, State, check, deliver, retry_after, smtp
from skindose.report.mail import compose, picture
from tests import mailserver
from tests.mailserver import PASSWORD, USER, Keys, Received
from tests.report.factory import make_result
from tests.report.test_mail import ENVELOPE, make_alert, make_facts

ROOT = Path(__file__).resolve().parents[2]
A, B, C = "a@example.org", "b@example.org", "c@example.org"
PATIENCE_S = 0.4


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text(PASSWORD + "\n", encoding="utf-8")
    return path


def make_mail(text="Hello.\n.a line that begins with a dot\n"):
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "neutral", "skindose@example.org", A
    mail["Message-ID"] = "<one@example.org>"
    mail.set_content(text)
    return mail


def guarded(port, keys, password_file, **changes):
    values = {"host": "127.0.0.1", "port": port, "sender": "skindose@example.org", "user": USER, "timeout_s": 10}
    return MailServer.load({**values, "password_file": password_file, "ca_file": keys.ca_file, **changes})


def bare(port, timeout_s=PATIENCE_S):
    values = {"host": "127.0.0.1", "port": port, "sender": "skindose@example.org", "security": "none"}
    return MailServer.load({**values, "timeout_s": timeout_s})


# --- Taken


def test_is_taken_over_starttls_with_log_in(keys, password_file):
    handler = Received()
    with mailserver.starttls(handler, keys) as port:
        outcomes = deliver(make_mail(), [A, B, A], guarded(port, keys, password_file))
    assert {to: outcome.state for to, outcome in outcomes.items()} == {A: State.SENT, B: State.SENT}
    assert [(sender, to) for sender, to, _ in handler.mails] == [
        ("skindose@example.org", (A,)),
        ("skindose@example.org", (B,)),
    ]
    assert handler.logins == [True]  # one connection for both
    assert b"\r\n.a line that begins with a dot" in handler.mails[0][2].replace(b"\r\n..", b"\r\n.")
    assert b"\n" not in handler.mails[0][2].replace(b"\r\n", b"")


def test_an_alert_arrives_as_it_was_composed(keys, password_file):
    facts, result = make_facts(), make_result()
    png = picture(facts, result.phantom, result.dosemap.dose_mgy)
    sent = compose(make_alert(facts, room="Herzkatheter \u00e4"), facts, ENVELOPE, png)
    handler = Received()
    with mailserver.starttls(handler, keys) as port:
        deliver(sent, [ENVELOPE.recipient], guarded(port, keys, password_file))
    ((_, to, content),) = handler.mails
    assert to == (ENVELOPE.recipient,)
    assert content == sent.as_bytes()
    got = email.message_from_bytes(content, policy=default)
    assert got["Message-ID"] == ENVELOPE.message_id
    assert "Herzkatheter \u00e4" in got.get_body(("plain",)).get_content()
    assert [part.get_content() for part in got.walk() if part.get_content_type() == "image/png"] == [png]
    assert not got.defects


def test_the_password_may_stand_in_the_environment(keys, monkeypatch):
    monkeypatch.setenv("MAIL_WORD", PASSWORD)
    handler = Received()
    with mailserver.starttls(handler, keys) as port:
        server = guarded(port, keys, None, password_env="MAIL_WORD")
        assert deliver(make_mail(), [A], server)[A].state is State.SENT
        assert check(server).state is State.SENT


def test_one_refused_does_not_stop_the_others(keys, password_file):
    handler = Received({B: "550 5.1.1 no such user Anna Muster", C: "450 4.2.0 come back later"})
    with mailserver.starttls(handler, keys) as port:
        outcomes = deliver(
            make_mail(), [B, A, C, "no address", "x@y\r\nRCPT TO:<z@z>"], guarded(port, keys, password_file)
        )
    states = [outcomes[each].state for each in (B, A, C, "no address", "x@y\r\nRCPT TO:<z@z>")]
    assert states == [State.REFUSED, State.SENT, State.LATER, State.REFUSED, State.REFUSED]
    assert outcomes[B].code == 550
    assert outcomes[B].reason.endswith("550 5.1.1")  # its words are not repeated
    assert [to for _, to, _ in handler.mails] == [(A,)]


def test_greylisting_then_taken(keys, password_file):
    handler = Received({A: ["451 4.7.1 greylisted"]})
    with mailserver.starttls(handler, keys) as port:
        server = guarded(port, keys, password_file)
        assert deliver(make_mail(), [A], server)[A][:2] == (State.LATER, 451)
        assert deliver(make_mail(), [A], server)[A].state is State.SENT
    assert len(handler.mails) == 1


@pytest.mark.parametrize(("answer", "state"), [("554 5.7.1 spam", State.REFUSED), ("452 4.3.1 disk full", State.LATER)])
def test_the_mail_itself_is_not_taken(answer, state):
    handler = Received(data=answer)
    with mailserver.plain(handler) as port:
        outcomes = deliver(make_mail(), [A, B], bare(port, 10))
    assert [outcome.state for outcome in outcomes.values()] == [state, state]
    assert not any(outcome.doubtful for outcome in outcomes.values())


# --- Not let in


def assert_all_wait(outcomes, words, remedy=True):
    assert {outcome.state for outcome in outcomes.values()} == {State.LATER}
    assert {outcome.reason for outcome in outcomes.values()} == {next(iter(outcomes.values())).reason}
    assert words in outcomes[A].reason
    assert bool(outcomes[A].remedy) == remedy


def test_a_wrong_password_is_our_fault_and_waits(keys, tmp_path):
    path = tmp_path / "wrong"
    path.write_text("not the right one", encoding="utf-8")
    handler = Received()
    with mailserver.starttls(handler, keys) as port:
        outcomes = deliver(make_mail(), [A, B], guarded(port, keys, path))
    assert_all_wait(outcomes, "did not accept user and password")
    assert outcomes[A].code == 535
    assert "right one" not in repr(outcomes)
    assert (handler.mails, handler.logins) == ([], [False])  # one try: more would lock the account


def test_a_password_beyond_ascii(keys, tmp_path, monkeypatch):
    monkeypatch.setattr(mailserver, "PASSWORD", "s\u00e9same")
    path = tmp_path / "secret"
    path.write_text("s\u00e9same", encoding="utf-8")
    handler = Received()
    with mailserver.starttls(handler, keys) as port:
        assert deliver(make_mail(), [A], guarded(port, keys, path))[A].state is State.SENT


@pytest.mark.parametrize("offer", ["LOGIN", "GSSAPI"])
def test_other_ways_to_log_in(offer, monkeypatch):
    monkeypatch.setenv("MAIL_WORD", PASSWORD)

    def by_login(line, connection):
        line.answer("220 here")
        line.hear(f"250-hello\r\n250 AUTH {offer}")
        for answer in ("334 VXNlcg==", "334 UGFzcw==", f"535 5.7.8 {PASSWORD} is wrong"):
            line.hear(answer)
        line.hear()

    with mailserver.scripted(by_login) as (port, said):
        values = {"host": "127.0.0.1", "port": port, "sender": "s@example.org", "security": "none", "timeout_s": 3}
        outcomes = deliver(make_mail(), [A], MailServer.load({**values, "user": USER, "password_env": "MAIL_WORD"}))
    assert_all_wait(outcomes, "did not accept" if offer == "LOGIN" else "takes no log-in")
    assert said[1:4] == ([f"AUTH {offer}", *map(smtp._base64, (USER, PASSWORD))] if offer == "LOGIN" else said[1:4])
    assert PASSWORD not in repr(outcomes)


def test_a_password_that_is_nowhere(keys, tmp_path):
    server = guarded(1, keys, tmp_path / "is-not-there")
    assert_all_wait(deliver(make_mail(), [A], server), "password cannot be read")


def test_an_impostor_gets_neither_password_nor_mail(keys, password_file, tmp_path):
    handler = Received()
    (tmp_path / "other").mkdir()
    with mailserver.starttls(handler, Keys(tmp_path / "other")) as port:
        assert_all_wait(deliver(make_mail(), [A, B], guarded(port, keys, password_file)), "certificate is not trusted")
    with mailserver.starttls(handler, keys, name="elsewhere.example.org") as port:
        assert_all_wait(deliver(make_mail(), [A, B], guarded(port, keys, password_file)), "certificate is not trusted")
        assert check(guarded(port, keys, password_file)).state is State.LATER
    assert (handler.mails, handler.logins) == ([], [])


def test_without_starttls_nothing_is_sent(keys, password_file):
    handler = Received()
    with mailserver.plain(handler) as port:
        assert_all_wait(deliver(make_mail(), [A, B], guarded(port, keys, password_file)), "no STARTTLS")
    assert handler.mails == []


def test_nobody_listens():
    assert_all_wait(deliver(make_mail(), [A, B], bare(mailserver.free_port())), "nobody listens")


def test_tls_from_the_first_byte_on_a_server_that_does_not(keys, password_file):
    with mailserver.plain(Received()) as port:
        server = guarded(port, keys, password_file, security="tls", timeout_s=2)
        assert_all_wait(deliver(make_mail(), [A], server), "no encryption could be agreed")


# --- Stalled and dropped


def silent(line, connection):
    connection.settimeout(20)
    line.hear()


def test_a_server_that_says_nothing():
    with mailserver.scripted(silent) as (port, _):
        began = time.monotonic()
        assert_all_wait(deliver(make_mail(), [A, B], bare(port)), "does not answer")
    assert time.monotonic() - began < 10 * PATIENCE_S  # once, not for every recipient


def hangs_up_within_the_mail(line, connection):
    line.until_data()
    connection.recv(20)


def hangs_up_after_the_mail(line, connection):
    line.until_data()
    line.mail()


def silent_after_the_mail(line, connection):
    line.until_data()
    line.mail()
    line.hear()


@pytest.mark.parametrize(
    ("dialogue", "words"),
    [
        (hangs_up_within_the_mail, "broke the connection off"),
        (hangs_up_after_the_mail, "broke the connection off"),
        (silent_after_the_mail, "stopped answering"),
    ],
)
def test_lost_once_the_mail_is_under_way_is_doubtful(dialogue, words, monkeypatch):
    monkeypatch.setattr(smtp, "_LAST_ANSWER", 1)
    with mailserver.scripted(dialogue) as (port, said):
        outcomes = deliver(make_mail("x" * 500_000), [A, B], bare(port))
    for outcome in outcomes.values():
        assert (outcome.state, outcome.doubtful) == (State.LATER, True)
        assert words in outcome.reason
    assert sum(line.startswith("mail") for line in said) == 2  # the second recipient had his own try


def test_patience_with_a_mails_end_does_not_grow():
    """Five mails refused at their end, then silence: one usual patience, not 5 ** 5 of it."""
    heard = []

    def refuses_then_stalls(line, connection):
        line.answer("220 here")
        line.hear("250 hello")
        for _ in range(5):
            for answer in ("250 sender ok", "250 recipient ok", "354 go on"):
                line.hear(answer)
            line.mail()
            line.answer("554 5.6.0 no")
            line.hear("250 reset")
        heard.append(time.monotonic())
        line.hear()
        line.hear()
        heard.append(time.monotonic())

    with mailserver.scripted(refuses_then_stalls) as (port, _):
        outcomes = deliver(make_mail(), [f"{letter}@example.org" for letter in "abcdef"], bare(port))
    assert [outcome.state for outcome in outcomes.values()] == [State.REFUSED] * 5 + [State.LATER]
    assert heard[1] - heard[0] < 20 * PATIENCE_S


def hangs_up_at_the_recipient(line, connection):
    line.answer("220 here")
    line.hear("250 hello")
    line.hear("250 sender ok")
    line.hear()


def closes_politely(line, connection):
    line.answer("220 here")
    line.hear("250 hello")
    line.hear("421 4.3.2 shutting down")


def babbles(line, connection):
    line.answer("\x00\xff mail? what mail?")


def long_line(line, connection):
    line.answer("220 " + "x" * 20_000)


@pytest.mark.parametrize("dialogue", [hangs_up_at_the_recipient, closes_politely, babbles, long_line])
def test_lost_before_is_not_doubtful(dialogue):
    with mailserver.scripted(dialogue) as (port, _):
        outcomes = deliver(make_mail(), [A, B], bare(port, 3))
    assert [(outcome.state, outcome.doubtful) for outcome in outcomes.values()] == [(State.LATER, False)] * 2


def test_a_trickle_comes_to_an_end(monkeypatch):
    monkeypatch.setattr(smtp, "_ANSWERS", 3)

    def trickles(line, connection):
        line.answer("220 here")
        line.hear()
        for _ in range(200):
            connection.sendall(b"2")
            time.sleep(PATIENCE_S / 4)

    with mailserver.scripted(trickles) as (port, _):
        began = time.monotonic()
        assert deliver(make_mail(), [A], bare(port))[A].state is State.LATER
    assert time.monotonic() - began < 20 * PATIENCE_S


@pytest.mark.parametrize("seed", range(12))
def test_any_answer_has_an_outcome(seed):
    """Random codes, lines and bytes in place of answers: an outcome for everybody, and no exception."""
    chance = random.Random(seed)

    def any_answer():
        code = chance.choice(["220", "250", "250", "250", "354", "421", "450", "550", "999", "2x0", ""])
        return code + chance.choice([" ok", "-more", " 5.1.1 no", "", " \u00e9\x00", " " + "x" * 600])

    def dialogue(line, connection):
        line.answer(chance.choice(["220 here", any_answer()]))
        while line.hear():
            line.answer(any_answer())

    with mailserver.scripted(dialogue) as (port, _):
        outcomes = deliver(make_mail(), [A, B], bare(port, 0.2))
    assert outcomes.keys() == {A, B}
    assert all(isinstance(outcome.state, State) for outcome in outcomes.values())


def test_sender_refused_is_our_fault():
    def refuses(line, connection):
        line.answer("220 here")
        line.hear("250 hello")
        line.hear("553 5.7.1 not you")
        line.hear("250 reset")

    with mailserver.scripted(refuses) as (port, _):
        outcome = deliver(make_mail(), [A], bare(port, 3))[A]
    assert (outcome.state, outcome.code, outcome.remedy) == (State.LATER, 553, "Check sender.")


def test_an_answer_that_repeats_everything_is_not_repeated():
    def echoes(line, connection):
        line.answer("220 here")
        line.hear("250 hello")
        line.hear("250 ok")
        line.answer(f"550 {line.hear()} {PASSWORD}")
        line.hear("250 reset")

    with mailserver.scripted(echoes) as (port, _):
        outcome = deliver(make_mail(), [A], bare(port, 3))[A]
    assert (outcome.state, outcome.reason) == (State.REFUSED, "the mail server answered 550")


# --- Settings


LOCAL = {"host": "localhost", "sender": "s@example.org"}
AWAY = {"host": "mail.example.org", "sender": "s@example.org"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({**AWAY, "security": "none"}, "leaves this machine unencrypted"),
        ({**AWAY, "security": "none", "allow_plaintext": True, "user": "u", "password_env": "X"}, "never sent without"),
        ({**AWAY, "password": "hunter2"}, "password_file or password_env"),
        ({**AWAY, "user": "u"}, "user goes with one of"),
        ({**AWAY, "password_env": "X"}, "user goes with one of"),
        ({**AWAY, "user": "u", "password_env": "X", "password_file": "y"}, "user goes with one of"),
        ({**AWAY, "sender": "Dose <s@example.org>"}, "sender is no mail address"),
        ({**AWAY, "sender": "s@example.org\nBcc: x@y"}, "sender is no mail address"),
        ({**AWAY, "port": 70000}, "port:"),
        ({**AWAY, "host": "mail.example.org\r\nX"}, "host:"),
        ({**AWAY, "securty": "tls"}, "no such key"),
        ({"sender": "s@example.org"}, "host:"),
    ],
)  # fmt: skip
def test_a_setting_that_is_wrong_is_told_in_words(values, words):
    with pytest.raises(SettingsError) as caught:
        MailServer.load(values, "site.toml")
    assert words in str(caught.value)
    assert str(caught.value).startswith("site.toml: ")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.53", "::1"])
def test_plain_to_this_machine_is_fine(host):
    assert MailServer.load({**LOCAL, "host": host, "security": "none"}).port == 587


def test_plain_elsewhere_where_the_site_says_so():
    assert MailServer.load({**AWAY, "security": "none", "allow_plaintext": True}).security == "none"


def test_nothing_shows_the_password(password_file, keys, monkeypatch):
    monkeypatch.setenv("MAIL_WORD", PASSWORD)
    for server in (
        MailServer.load({**LOCAL, "user": USER, "password_file": str(password_file)}),
        MailServer.load({**LOCAL, "user": USER, "password_env": "MAIL_WORD"}),
    ):
        assert server.password() == PASSWORD
        assert PASSWORD not in repr(server) + server.model_dump_json()


def test_a_password_put_where_its_variable_belongs_is_not_told(monkeypatch):
    server = MailServer.load({**LOCAL, "user": USER, "password_env": "hunter2"})
    monkeypatch.delenv("hunter2", raising=False)
    with pytest.raises(SettingsError) as caught:
        server.password()
    assert "hunter2" not in str(caught.value)


def test_certificates_are_checked_always(keys, password_file):
    context = smtp._context(guarded(1, keys, password_file))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_broken_ca_file_is_told(keys, password_file, tmp_path):
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate", encoding="utf-8")
    assert_all_wait(deliver(make_mail(), [A], guarded(1, keys, password_file, ca_file=broken)), "ca_file")


# --- When again


def test_tries_go_on_for_days_and_come_to_an_end():
    waits = [retry_after(failed) for failed in range(1, len(RETRY_AFTER) + 1)]
    assert waits == sorted(waits)
    assert waits[0] <= timedelta(minutes=1)
    assert timedelta(days=5) < sum(waits, timedelta()) < timedelta(days=7)  # a long weekend, less than forgetting
    assert retry_after(len(RETRY_AFTER) + 1) is None
    with pytest.raises(ValueError, match="no try"):
        retry_after(0)


def test_the_example_of_the_docs_is_a_mail_server():
    page = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    example = tomllib.loads(page.split("```toml")[1].split("```")[0])
    assert MailServer.load(example["mail"]).host == "mail.example.org"
    assert f"{len(RETRY_AFTER) + 1} tries in 6 days" in page
