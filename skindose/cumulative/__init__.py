"""Several procedures of one patient as one map (docs/cumulative.md)."""

from skindose.cumulative.adding import WINDOWS_DAYS, Cumulative, Procedure, Window, add, sums, within
from skindose.cumulative.judging import judged
from skindose.cumulative.parts import QUANTITIES, Part, contradictions, part_of_case, part_of_facts

__all__ = [
    "QUANTITIES",
    "WINDOWS_DAYS",
    "Cumulative",
    "Part",
    "Procedure",
    "Window",
    "add",
    "contradictions",
    "judged",
    "part_of_case",
    "part_of_facts",
    "sums",
    "within",
]
