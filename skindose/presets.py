"""`skindose triggers`: list, show and check rule sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skindose.printing import AsJson, print_json

app = typer.Typer(help="Trigger levels: list, show and check rule sets.", no_args_is_help=True)


@app.command("list")
def list_sets(as_json: AsJson = False) -> None:
    """List the shipped rule sets."""
    from skindose import triggers
    from skindose.report import terminal

    sets = [triggers.load(name) for name in triggers.names()]
    if as_json:
        print_json([triggers.to_dict(rules) for rules in sets])
    else:
        terminal.print_rule_sets(sets)


@app.command()
def show(name: Annotated[str, typer.Argument(help="preset or TOML file")], as_json: AsJson = False) -> None:
    """Show every rule of a set, with its source and how sure its numbers are."""
    from skindose import triggers
    from skindose.report import terminal

    rules = triggers.load(name)
    if as_json:
        print_json(triggers.to_dict(rules))
    else:
        terminal.print_rules(rules.title, triggers.describe(rules))


@app.command()
def check(file: Annotated[Path, typer.Argument(help="rule file (TOML)")], as_json: AsJson = False) -> None:
    """Check a rule file: every mistake with its line, before the file is used."""
    from skindose import triggers

    rules = triggers.load(str(file))
    if as_json:
        print_json({"file": file.name, "valid": True, "rules": len(rules.rules)})
    else:
        typer.echo(f"{file.name}: {len(rules.rules)} rules, no mistake.")
