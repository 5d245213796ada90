"""Quantities of one procedure -> findings: rules as data, evaluated one by one; what follows for the patient."""

from skindose.triggers.engine import UNSIGNED, Context, evaluate, probability
from skindose.triggers.rules import RuleSet, describe, load, names, parse, source_text, to_dict

__all__ = [
    "UNSIGNED",
    "Context",
    "RuleSet",
    "describe",
    "evaluate",
    "load",
    "names",
    "parse",
    "probability",
    "source_text",
    "to_dict",
]
