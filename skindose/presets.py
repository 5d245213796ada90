"""`skindose triggers`: list, show, check and try rule sets."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skindose.errors import ExitCode, SettingsError, SkindoseError
from skindose.printing import AsJson, print_json

if TYPE_CHECKING:
    from skindose.case import Case
    from skindose.dryrun import Past
    from skindose.model import Finding
    from skindose.triggers import RuleSet

app = typer.Typer(help="Trigger levels: list, show, check and try rule sets.", no_args_is_help=True)

Rules = Annotated[str, typer.Argument(metavar="RULES", help="preset or TOML file", show_default=False)]


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


@app.command("test")
def try_out(
    rules: Rules,
    more: Annotated[
        list[Path] | None, typer.Argument(metavar="[RESULT]...", help="further result folders", show_default=False)
    ] = None,
    on: Annotated[
        list[Path] | None, typer.Option(metavar="RESULT", help="result folder, or a folder with such; repeatable")
    ] = None,
    registry: Annotated[bool, typer.Option("--registry", help="every current result in the registry")] = False,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="only cases from this day on: 2026-01-31")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="compute each case again, a second or two each")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a rule set would have fired over stored cases, beside the one in force, before it is switched on."""
    from skindose import triggers
    from skindose.dryrun import dry_run
    from skindose.report.dryrun import print_dry_run

    pair = (triggers.load(rules), _in_force())
    folders = [*(on or []), *(more or [])]
    if registry == bool(folders):
        raise SettingsError("give either result folders (--on) or --registry", "options", "See --help.")
    failed: list[SkindoseError] = []
    cases = _of_registry if registry else _of_folders
    document = dry_run(*pair, cases(folders, pair if exact else None, _day(since), failed))
    document["failed"] = [str(error) for error in failed]
    for error in failed:
        typer.echo(str(error), err=True)
    if as_json:
        print_json(document)
    else:
        print_dry_run(document)
    sys.exit(int(ExitCode.SOME_FAILED if failed else ExitCode.OK))


def _in_force() -> RuleSet:
    from skindose import triggers
    from skindose.config import Settings

    return triggers.load(Settings().triggers)


def _day(text: str | None) -> str:
    try:
        return datetime.date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise SettingsError(f"--since: {text!r} is no date", "options", "Write it as 2026-01-31.") from None


def _of_folders(
    paths: Iterable[Path], exact: tuple[RuleSet, RuleSet] | None, since: str, failed: list[SkindoseError]
) -> Iterator[Past]:
    """Cases of result folders; one that cannot be read stops no other."""
    from skindose import folder
    from skindose.dryrun import Past

    for path in _result_folders(paths):
        try:
            facts = folder.read_facts(path)
            one = Past(path.resolve().name, facts["procedure"]["date"] or "", facts)
            if one.date < since:
                continue
            if exact and facts["peak"]:
                one = replace(one, findings=_again(folder.open_result(path).case, exact))
        except SkindoseError as error:
            failed.append(error.at(path.name))
            continue
        yield one


def _result_folders(paths: Iterable[Path]) -> Iterator[Path]:
    """The folders themselves, and of one that is none the result folders in it; each once."""
    seen: set[Path] = set()
    for path in paths:
        inside = [] if (path / "result.json").exists() or not path.is_dir() else sorted(path.glob("*/result.json"))
        for one in [file.parent for file in inside] or [path.parent if path.name == "result.json" else path]:
            if one.resolve() not in seen:
                seen.add(one.resolve())
                yield one


def _of_registry(
    _: Iterable[Path], exact: tuple[RuleSet, RuleSet] | None, since: str, failed: list[SkindoseError]
) -> Iterator[Past]:
    """The current results of the registry; exposures of phantoms left out."""
    from skindose.dryrun import Past
    from skindose.registry import open_registry

    with open_registry():
        from skindose.registry import reading

        for procedure, number, date, facts in reading.results(since):
            one = Past(number, date, facts)
            try:
                if exact:
                    kept = reading.open_kept(procedure)
                    one = replace(one, findings=_again(kept.case, exact)) if kept.body is not None else one
            except SkindoseError as error:
                failed.append(error.at(number))
                continue
            yield one


def _again(case: Case, pair: tuple[RuleSet, RuleSet]) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """What both rule sets say of a case that is computed again, once."""
    from skindose import pipeline

    result = pipeline.compute_case(replace(case, rules=pair[0]))
    return result.findings.findings, pipeline.judged(result, pair[1]).findings
