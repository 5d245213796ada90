"""Writes the tables of docs/triggers.md from the rule files and from the tables in the code.

python scripts/make_trigger_docs.py            write
python scripts/make_trigger_docs.py --check    exit 1 if the page is not up to date
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from skindose.triggers import RuleSet, describe, load, names
from skindose.triggers.bands import BANDS, Band
from skindose.triggers.followup import CONTACTS, Contact
from skindose.triggers.rules import QUANTITIES, Row

PAGE = Path(__file__).resolve().parents[1] / "docs" / "triggers.md"


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def preset_table(ruleset: RuleSet) -> str:
    """One preset: heading, note and a row per level."""
    rows = [_cells(row) for row in describe(ruleset)]
    heads = ["rule", "kind", "quantity", "level", "each further", "conditions", "provenance", "source"]
    note = f"{ruleset.note}\n\n" if ruleset.note else ""
    return f"#### `{ruleset.id}`: {ruleset.title}\n\n{note}{table(heads, rows)}"


def _cells(row: Row) -> list[str]:
    sign = {">=": "from", ">": "above"}[row.comparison]
    step = "" if row.step is None else f"+{row.step:g} {row.unit}"
    level = f"{sign} {row.level:g} {row.unit}"
    return [f"`{row.rule}`", row.kind, row.quantity, level, step, row.conditions, row.provenance, row.source]


def parts() -> dict[str, str]:
    """The generated parts of the page by name."""
    return {
        "presets": "\n\n".join(preset_table(load(name)) for name in names()),
        "quantities": table(
            ["name", "quantity", "unit"], [[f"`{name}`", kind.words, kind.unit] for name, kind in QUANTITIES.items()]
        ),
        "bands": table(BAND_HEADS, [_band_cells(band) for band in BANDS]),
        "contacts": table(["contact", "days", "due", "what"], [_contact_cells(contact) for contact in CONTACTS]),
    }


BAND_HEADS = [
    "band",
    "Gy",
    "grade (NCI)",
    "prompt, < 2 weeks",
    "early, 2-8 weeks",
    "mid, 6-52 weeks",
    "late, > 40 weeks",
]


def _band_cells(band: Band) -> list[str]:
    dose = f"> {band.low_gy:g}" if band.high_gy is None else f"{band.low_gy:g}-{band.high_gy:g}"
    return [band.name, dose, band.grade, band.prompt, band.early, band.mid_term, band.long_term]


def _contact_cells(contact: Contact) -> list[str]:
    days = f"{contact.from_day}-{contact.to_day}" if contact.to_day > contact.from_day else f"{contact.from_day}"
    due = f"from {contact.from_psd_gy:g} Gy" if contact.from_psd_gy else "always"
    return [contact.name, days, due + " or after a finding" * contact.after_finding, contact.what]


def rendered(page: str) -> str:
    """The page with its generated parts replaced.

    raises   ValueError if a part has no place in the page
    """
    for name, text in parts().items():
        pattern = re.compile(rf"(<!-- {name}: generated[^>]*-->).*?(<!-- {name}: end -->)", re.DOTALL)
        if not pattern.search(page):
            raise ValueError(f"the page has no place for {name}")
        page = pattern.sub(lambda found, text=text: f"{found[1]}\n\n{text}\n\n{found[2]}", page)
    return page


def main() -> int:
    """Write or check the page."""
    page = PAGE.read_text(encoding="utf-8")
    wanted = rendered(page)
    if "--check" in sys.argv[1:]:
        return int(page != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
