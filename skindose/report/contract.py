"""Where a result.json departs from its schema: the parts of JSON schema that result.schema.json needs of a reader."""

from __future__ import annotations

import math
from typing import Any

_KINDS: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}


def departure(value: Any, rule: dict[str, Any], schema: dict[str, Any], where: str = "") -> str | None:
    """The place (as "peak.cell") of the first value of another shape than the schema's; None where all fit.

    Shapes are types, lengths of lists, and which keys must be there; whether a number is plausible is not asked.
    """
    if "$ref" in rule:
        rule = schema["$defs"][rule["$ref"].rpartition("/")[2]]
    if "oneOf" in rule:
        found = [departure(value, one, schema, where) for one in rule["oneOf"]]
        return None if None in found else max(filter(None, found), key=len)
    here = where or "the whole"
    if not _is_kind(value, rule.get("type")):
        return here
    if isinstance(value, list):
        if not rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", len(value)):
            return here
        inside = [(f"{where}[{k}]", one, rule.get("items")) for k, one in enumerate(value)]
    elif isinstance(value, dict):
        missing = [name for name in rule.get("required", ()) if name not in value]
        if missing:
            return f"{where}.{missing[0]}".lstrip(".")
        known, others = rule.get("properties", {}), rule.get("additionalProperties")
        inside = [(f"{where}.{name}".lstrip("."), one, known.get(name, others)) for name, one in value.items()]
    else:
        return None
    found = [departure(one, own, schema, name) for name, one, own in inside if isinstance(own, dict)]
    return next(filter(None, found), None)


def _is_kind(value: Any, kinds: str | list[str] | None) -> bool:
    if kinds is None:
        return True
    names = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, bool):
        return "boolean" in names
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return any(isinstance(value, _KINDS[name]) for name in names)
