"""Reading a rule file, and saying in which line its mistake is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from skindose.errors import SettingsError, reason

Place = tuple[str | int, ...]  # path of keys to a value, as pydantic gives it: ("rule", 1, "levels", "kap", "unit")
Model = TypeVar("Model", bound=BaseModel)

_EXAMPLE = "Compare with a shipped preset (`skindose triggers show ncrp-168`)."
_LONGEST_QUOTE = 150  # letters of a file or of the parser that a message repeats
_LARGEST_BYTES = 2**20  # the shipped presets have 2 kB; a rule file of a megabyte is another file


class Source(NamedTuple):
    """Text of a rule file and its name for messages."""

    text: str
    where: str


def read(path: Path) -> str:
    """Text of a rule file.

    raises   SettingsError: absent, a folder, unreadable, not text
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise SettingsError("this is too large for a rule file", str(path), "Give a TOML file of trigger rules.")
        return path.read_bytes().decode("utf-8-sig")  # Windows editors put a mark in front
    except UnicodeDecodeError:
        raise SettingsError("this is not a text file", str(path), "Give a TOML file of trigger rules.") from None
    except OSError as error:
        raise SettingsError(
            f"cannot read the rule file: {reason(error)}", str(path), "Give a TOML file or a preset."
        ) from None


def validated(model: type[Model], text: str, where: str) -> Model:
    """`text` as `model`.

    raises   SettingsError for the first mistake: file and line, key, reason, remedy
    """
    source = Source(text, where)
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # besides its own, the parser lets these two of Python's through
        raise _not_toml(source, error) from None
    if not values:
        raise mistake(source, (), "the file has no rules", _EXAMPLE)
    try:
        return model(**values)
    except ValidationError as error:
        raise _first_mistake(source, error, values) from None


def mistake(source: Source, place: Place, what: str, remedy: str) -> SettingsError:
    """The error for a mistake at `place`, with the line it is in."""
    return SettingsError(what, f"{source.where}:{line_of(source.text, place)}", remedy)


def _not_toml(source: Source, error: Exception) -> SettingsError:
    told = str(error)[:_LONGEST_QUOTE]
    at = re.search(r"\(at line (\d+)", told)
    line = int(at.group(1)) if at else max(1, len(source.text.splitlines()))  # else "at end of document"
    reason = re.sub(r"\s*\(at .*\)$", "", told)
    return SettingsError(f"not TOML: {reason}", f"{source.where}:{line}", _EXAMPLE)


def _first_mistake(source: Source, error: ValidationError, values: dict[str, Any]) -> SettingsError:
    """Unknown keys first: a misspelt key is also a missing one, and the spelling is what must be mended."""
    mistakes = sorted(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    first = mistakes[0]
    place = tuple(part for part in first["loc"] if part != "[key]")
    key = next((str(part) for part in reversed(place) if isinstance(part, str)), "file")
    missing = {str(one["loc"][-1]) for one in mistakes if one["type"] == "missing"}
    what, remedy = _in_words(first["type"], key[:_LONGEST_QUOTE], first["msg"][:_LONGEST_QUOTE], missing)
    if first["type"] == "missing":
        place = place[:-1]  # the key is not there to be found: where it should stand
    return mistake(source, place, f"{_rule_name(values, place)}{what}", remedy)


# What pydantic says in Python's words, in a rule file's: error type -> (what is wrong, what to write).
_PLAIN = {
    "model_type": ("a table is needed here", 'For a level write { level = 3.0, unit = "Gy" }.'),
    "dict_type": ("a table is needed here", "Write it as the shipped presets do (`skindose triggers show ncrp-168`)."),
    "tuple_type": ("a list is needed here", 'Write it in brackets, e.g. ["operator"].'),
    "string_type": ("a text in quotes is needed here", "Put it in quotes."),
    "float_type": ("a number is needed here", "Write it without quotes and unit, e.g. 3.0."),
    "int_type": ("a whole number is needed here", "Write it without quotes and unit, e.g. 2."),
    "bool_type": ("true or false is needed here", "Write true or false, without quotes."),
    "too_short": ("it is empty", "Give at least one."),
    "string_too_short": ("the text is empty", "Fill it in."),
    "string_pattern_mismatch": ("only letters, digits, point, dash and underscore are allowed", "Rename it."),
}


def _in_words(kind: str, key: str, message: str, missing: set[str]) -> tuple[str, str]:
    if kind == "extra_forbidden":
        remedy = f"Missing here: {', '.join(sorted(missing))}." if missing else "Mend its spelling or take it out."
        return f"unknown key {key!r}", remedy
    if kind == "missing":
        return f"the key {key!r} is missing", f"Add it. {_EXAMPLE}"
    what, remedy = _PLAIN.get(kind, (f"{message[:1].lower()}{message[1:]}", _EXAMPLE))
    return f"{key}: {what}", remedy


def _rule_name(values: dict[str, Any], place: Place) -> str:
    """`rule "id": ` where the mistake is in a rule that has an id."""
    try:
        name = values["rule"][place[1]]["id"]
    except (KeyError, IndexError, TypeError):
        return ""
    return f"rule {str(name)[:60]!r}: "


def line_of(text: str, place: Place) -> int:
    """Line (from 1) of the deepest key of `place` that the text has; the file is not parsed again, only searched.

    A `[[rule]]` heading counts the rules, so that the same key in an earlier rule is not found.
    """
    lines = text.splitlines()
    at, end = 0, len(lines)
    for depth, part in enumerate(place):
        if isinstance(part, str):
            at = _find_key(lines, part, at, end)
        elif depth == 1:
            at, end = _block(lines, str(place[0]), part)
        else:
            at = _nth(lines, at, end, (str(place[depth - 1]), part))
    return at + 1


def _find_key(lines: list[str], key: str, start: int, end: int) -> int:
    name = rf"[\"']?{re.escape(key)}[\"']?"
    pattern = re.compile(rf"^\s*\[+[^\]#]*\b{name}\s*\]|(?:^|[\s{{,.]){name}\s*(?:=|\.\w)")
    return next((number for number in range(start, end) if pattern.search(_bare(lines[number]))), start)


def _bare(line: str) -> str:
    """The line without a comment; a `#` inside quotes is kept by not looking further than the last quote."""
    quoted = max(line.rfind('"'), line.rfind("'"))
    cut = line.find("#", quoted + 1)
    return line if cut < 0 else line[:cut]


def _block(lines: list[str], table: str, index: int) -> tuple[int, int]:
    """First line of the `index`-th `[[table]]` and the line after its last."""
    heads = [n for n, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{re.escape(table)}\s*\]\]", line)]
    if index >= len(heads):
        return 0, len(lines)
    return heads[index], heads[index + 1] if index + 1 < len(heads) else len(lines)


def _nth(lines: list[str], start: int, end: int, which: tuple[str, int]) -> int:
    """The `index`-th `[[rule.table]]` in a rule; where it is written inline, the line of the table itself."""
    table, index = which
    heads = [n for n in range(start, end) if re.match(rf"\s*\[\[[^\]]*\b{re.escape(table)}\s*\]\]", lines[n])]
    return heads[index] if index < len(heads) else start
