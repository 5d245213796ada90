"""A profile as TOML for people: what was determined carries a remark, everything else is the former profile's."""

from __future__ import annotations

import datetime
import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from skindose.normalise import Profile

_WIDTH = 110


def to_toml(profile: Profile, head: str, remarks: Mapping[str, str]) -> str:
    """The file's text.

    head      lines for the top, without #
    remarks   dotted key -> remark behind it; such a key is written also where it is the default
    """
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    lines += ["", *_section(profile, "", remarks)]
    return "\n".join(lines) + "\n"


def _section(model: BaseModel, prefix: str, remarks: Mapping[str, str]) -> Iterator[str]:
    """Plain keys first, then a table for each part, as TOML wants it."""
    parts: list[tuple[str, BaseModel]] = []
    for name, field in type(model).model_fields.items():
        value, key = getattr(model, name), f"{prefix}{name}"
        if value is None or (value == field.get_default(call_default_factory=True) and not _told(key, remarks)):
            continue
        if isinstance(value, BaseModel) and not prefix:
            parts.append((name, value))
        else:
            remark = f"  # {remarks[key]}" if key in remarks else ""
            yield f"{name} = {_value(value)}{remark}"
    for name, part in parts:
        yield from ("", f"[{name}]", *_section(part, f"{name}.", remarks))


def _told(key: str, remarks: Mapping[str, str]) -> bool:
    return any(told == key or told.startswith(f"{key}.") for told in remarks)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, BaseModel):
        return _inline(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, tuple):
        return _array([_value(each) for each in value])
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _array(values: list[str]) -> str:
    line = f"[{', '.join(values)}]"
    return line if len(line) <= _WIDTH else "[\n" + "".join(f"  {each},\n" for each in values) + "]"


def _inline(model: BaseModel) -> str:
    """What differs from the default, and what must be there."""
    kept = {
        name: getattr(model, name)
        for name, field in type(model).model_fields.items()
        if getattr(model, name) != field.get_default(call_default_factory=True) or name in ("sign", "zero_mm")
    }
    return "{ " + ", ".join(f"{name} = {_value(value)}" for name, value in kept.items()) + " }"


def _string(text: str) -> str:
    """Literal where that reads better, several lines where it is long."""
    if "\\" in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    quoted = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    if len(quoted) <= _WIDTH:
        return quoted
    # Lines are broken at blanks, and TOML's backslash at a line's end takes the break away again.
    broken = textwrap.wrap(quoted[1:-1], _WIDTH, break_long_words=False, break_on_hyphens=False)
    if " ".join(broken) != quoted[1:-1]:  # blanks side by side: a break would swallow one
        return quoted
    return '"""\\\n' + " \\\n".join(broken) + '"""'
