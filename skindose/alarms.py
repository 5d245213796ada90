"""`skindose alerts` and `skindose followup`: what was raised, who was told, who took it on, what is still due."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skindose.errors import ExitCode, SettingsError
from skindose.printing import AsJson, print_json

if TYPE_CHECKING:
    from skindose.recipients import People
    from skindose.registry import Registry

app = typer.Typer(
    help="Alerts: what was raised, who was told, who took it on. alerts.toml in SKINDOSE_HOME says who is told.",
    no_args_is_help=True,
)
contacts = typer.Typer(help="Contacts with patients that are due after an alert.", no_args_is_help=True)

Case = Annotated[str, typer.Argument(metavar="CASE", help="case number, as in the mail", show_default=False)]
OfCase = Annotated[str | None, typer.Option(help="only this case")]
OfRule = Annotated[str | None, typer.Option(help="only alerts of this rule")]
By = Annotated[str, typer.Option(help="your name, for the record", show_default=False)]


@app.command("list")
def list_alerts(
    case: OfCase = None,
    open_only: Annotated[bool, typer.Option("--open", help="only what nobody acknowledged")] = False,
    as_json: AsJson = False,
) -> None:
    """List alerts with their mails, first raised first."""
    from skindose.registry import open_registry

    with open_registry(new=False):
        from skindose.registry import alerts, outgoing

        rows, waiting = alerts.listed(case, open_only), outgoing.waiting()
    if as_json:
        print_json(rows)
        return
    for row in rows:
        typer.echo(_line(row))
        for mail in row["mails"]:
            error = f": {mail['error']}" if mail["error"] else ""
            number = mail["message_id"].removeprefix("<skindose.")[:8]
            who = f"{mail['purpose']} to {mail['recipient']} ({mail['role']})"
            typer.echo(f"    mail {number}, {who}: {mail['state']}{error}")
        if row["roles_without_address"]:
            typer.echo(f"    nobody holds: {', '.join(row['roles_without_address'])}; see alerts.toml")
    typer.echo(f"{len(rows)} alert{'' if len(rows) == 1 else 's'}.")
    if waiting:
        typer.echo(waiting)


def _line(row: dict[str, Any]) -> str:
    value = f", is {row['value']:.3g}" if row["value"] is not None else ""
    what = f"{row['rule']}: {row['quantity']} from {row['level']} {row['unit']}{value}" if row["rule"] else "no map"
    what += " (with earlier procedures)" if row["of_sum"] else ""
    state = row["not_mailed"] if row["state"] in ("unsigned", "old") else row["state"]
    by = f" by {row['acknowledged_by']}" if row["acknowledged_by"] else ""
    return f"{row['case']}  level {row['severity']}  {what}  {state}{by}"


@app.command()
def send(as_json: AsJson = False) -> None:
    """Send every mail that is due; exit code 1 where one could not be sent."""
    from skindose import outbox

    with _at_work() as (registry, people):
        done = outbox.send(registry, people)
    if as_json:
        print_json({"mails": dict(sorted(done.count.items())), "trouble": done.trouble})
    else:
        told = ", ".join(f"{number} {state}" for state, number in sorted(done.count.items()))
        typer.echo(f"Mails: {told or 'nothing was due'}.")
    for what in (*done.trouble, *filter(None, [done.waiting])):
        typer.echo(what, err=True)
    sys.exit(int(ExitCode.SOME_FAILED if done.trouble else ExitCode.OK))


@contextmanager
def _at_work() -> Iterator[tuple[Registry, People]]:
    """An open registry, and who is told; a mistake in alerts.toml is told before anything is done."""
    from skindose import recipients
    from skindose.registry import home, open_registry

    people = recipients.load(home.place().folder)
    with open_registry(new=False) as registry:
        yield registry, people


def _name(by: str) -> str:
    if not by.strip():
        raise SettingsError("a name is needed for the record", "--by", "Give it: --by NAME.")
    return by.strip()


@app.command()
def ack(
    case: Case,
    by: By = "",
    note: Annotated[str, typer.Option(help="what was done; without the patient's name or number")] = "",
    rule: OfRule = None,
    as_json: AsJson = False,
) -> None:
    """Acknowledge the alerts of a case: you take it on, and nobody else is called."""
    from skindose.registry import open_registry

    who = _name(by)
    with open_registry(new=False) as registry:
        from skindose.registry import alerts

        count = alerts.acknowledge(registry, case, who, note, rule)
    if as_json:
        print_json({"case": case, "acknowledged": count})
    else:
        typer.echo(f"{count} acknowledged." if count else "They were acknowledged already.")


@app.command()
def resend(
    case: Case,
    again: Annotated[bool, typer.Option("--again", help="also to those who got it, as a new mail")] = False,
    rule: OfRule = None,
    as_json: AsJson = False,
) -> None:
    """Queue a case's mails that failed once more; `alerts send` sends them."""
    with _at_work() as (registry, people):
        from skindose.registry import alerts

        count = alerts.resend(registry, case, people, again, rule)
    if as_json:
        print_json({"case": case, "queued": count})
    else:
        typer.echo(f"{count} mail{'' if count == 1 else 's'} queued." if count else "No mail of this case failed.")


# --- Contacts


@contacts.command("list")
def list_contacts(
    case: OfCase = None,
    every: Annotated[bool, typer.Option("--all", help="those done too")] = False,
    as_json: AsJson = False,
) -> None:
    """List the contacts that are due, by day."""
    from skindose.registry import open_registry

    with open_registry(new=False):
        from skindose.registry import followups

        rows = followups.listed(case, every)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        done = f"  done by {row['done_by']}: {row['outcome']}" if row["state"] == "done" else ""
        over = "  OVERDUE" if row["state"] != "done" and row["to"] < date.today().isoformat() else ""
        typer.echo(f"{row['number']:5}  {row['from']} to {row['to']}  {row['case']}  {row['contact']}{over}{done}")
    if rows and not every:
        typer.echo("After each: skindose followup done NUMBER --by NAME --outcome TEXT")
    typer.echo(f"{len(rows)} contact{'' if len(rows) == 1 else 's'}.")


@contacts.command()
def done(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="from `followup list`", show_default=False)],
    by: By = "",
    outcome: Annotated[str, typer.Option(help="what was found; without the patient's name or number")] = "",
    finding: Annotated[
        bool, typer.Option("--finding", help="something was found on the skin: later contacts are due too")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Note what came of a contact. One that was missed stays open."""
    from skindose.registry import open_registry

    who = _name(by)
    if not outcome.strip():
        raise SettingsError("what came of it is needed", "--outcome", "Give it, if only: --outcome 'no finding'.")
    with open_registry(new=False) as registry:
        from skindose.registry import followups

        fresh = followups.done(registry, number, who, outcome.strip(), finding)
    if as_json:
        print_json({"number": number, "noted": fresh})
    else:
        typer.echo("Noted." if fresh else f"{number} was done already and stays as noted: this outcome was not kept.")
