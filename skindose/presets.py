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
    """List the rule set in force and the shipped ones, and who signed them."""
    from skindose import release, triggers
    from skindose.report import terminal

    own = release.in_force()
    sets = [*([own] if own else []), *(triggers.load(name) for name in triggers.names())]
    if as_json:
        print_json([triggers.to_dict(rules) | _released(rules) for rules in sets])
    else:
        terminal.print_rule_sets([(rules, _state(rules)) for rules in sets])


@app.command()
def show(name: Annotated[str, typer.Argument(help="preset or TOML file")], as_json: AsJson = False) -> None:
    """Show every rule of a set, with its source and how sure its numbers are."""
    from skindose import triggers
    from skindose.report import terminal

    rules = triggers.load(name)
    if as_json:
        print_json(triggers.to_dict(rules) | _released(rules))
    else:
        terminal.print_rules(f"{rules.title}: {_state(rules)}", triggers.describe(rules))


@app.command()
def check(file: Annotated[Path, typer.Argument(help="rule file (TOML)")], as_json: AsJson = False) -> None:
    """Check a rule file: every mistake with its line, before the file is used."""
    from skindose import triggers

    rules = triggers.load(str(file))
    if as_json:
        print_json({"file": file.name, "valid": True, "rules": len(rules.rules)})
    else:
        typer.echo(f"{file.name}: {len(rules.rules)} rules, no mistake.")


@app.command()
def use(rules: Rules, as_json: AsJson = False) -> None:
    """Put a rule set in force at this site: a copy of it. One with a mistake is refused, and the old one stays."""
    from skindose import release
    from skindose.registry import home, open_registry

    if not home.exists():
        _tell(release.use(rules), as_json)
        return
    with open_registry() as registry:
        from skindose.registry import signing

        chosen = signing.put_in_force(registry, rules)
    _tell(chosen, as_json)


@app.command()
def sign(
    by: Annotated[str, typer.Option(help="the physicist's name", show_default=False)],
    rules: Annotated[str | None, typer.Argument(metavar="[RULES]", help="default the one in force")] = None,
    role: Annotated[str, typer.Option(help="what makes the person responsible")] = "medical physicist",
    as_json: AsJson = False,
) -> None:
    """Record in the registry that a named physicist released a rule set; a changed one is unsigned again."""
    from skindose import release, triggers
    from skindose.registry import open_registry

    chosen = triggers.load(rules) if rules else _in_force()
    with open_registry() as registry:
        from skindose.registry import signing

        signing.sign(registry, chosen, by, role)
        release.seal(registry.place.folder, registry.key, signing.signatures())  # anew, whatever is there
    _tell(chosen, as_json)


def _tell(rules: RuleSet, as_json: bool) -> None:
    if as_json:
        print_json({"id": rules.id, **_released(rules)})
    else:
        typer.echo(f"{rules.id}, {len(rules.rules)} rules: {_state(rules)}.")


def _released(rules: RuleSet) -> dict[str, str | bool | None]:
    """Digest, whether in force, and who signed, for programs."""
    from skindose import release

    found = release.signature(rules.digest)
    return {
        "digest": rules.digest,
        "in_force": rules.digest == _in_force().digest,
        "signed_by": found.signed_by if found else None,
        "signed_on": found.signed_on if found else None,
    }


def _state(rules: RuleSet) -> str:
    said = _released(rules)
    signed = f"signed by {said['signed_by']} on {said['signed_on']}" if said["signed_by"] else "not yet signed"
    return f"{'in force' if said['in_force'] else 'not in force'}, {signed}"


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
    from skindose import release
    from skindose.config import Settings

    return release.rules(Settings())


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
        from skindose.registry import reading, sums

        for procedure, number, date, facts in reading.results(since):
            held = {
                found["window_days"]: found["document"] for found in sums.current(procedure) if found["window_days"]
            }
            one = Past(number, date, facts, sums=held)
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
