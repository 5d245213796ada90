"""How far off the peak may be and why, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skindose.report.scene import percent, three_digits, words

_LIKELY = 0.05  # probability from which another region is named beside the peak's


def where(peak: Mapping[str, Any]) -> str:
    """The region of the peak, how far from its place it may lie, and other regions that may hold it."""
    text, found = words(peak["region"]), peak["uncertainty"]
    if not found:
        return text
    text += f", within {three_digits(found['place_within_mm_95'])} mm (95 %)"
    others = [row for row in found["regions"] if row["region"] != peak["region"] and row["probability"] >= _LIKELY]
    return "; ".join([text, *(f"or {words(row['region'])} ({percent(row['probability'])})" for row in others)])


def budget_rows(peak: Mapping[str, Any] | None) -> list[tuple[str, str, str, str]]:
    """What the peak's uncertainty is made of: source, relative standard uncertainty, share, basis; sum first."""
    found = peak["uncertainty"] if peak else None
    if not found:
        return []
    basis = f"{found['placements']} placements cast anew, crossed with {found['draws']} draws of the factors"
    return [
        ("all together", percent(found["relative_standard"]), "", basis),
        *(
            (row["source"], percent(row["relative_standard"]), percent(row["share"]), row["basis"])
            for row in found["sources"]
        ),
    ]
