"""docs/commissioning.md shows what the program prints, and the plan that the form holds."""

import re

from skindose.commission import commission, summary
from skindose.commission.marks import parse, template
from skindose.report.commissioning import print_summary
from tests.commission import machine as made_up
from tests.commission.machine import PLAN, Machine
from tests.commission.test_find import read_session
from tests.house import source

PAGE = source.ROOT / "docs" / "commissioning.md"
MACHINE = Machine(
    names=("lateral", "height", "longitudinal"), signs=(1, -1, 1), zeros=(5.0, 1000.0, 300.0), primary_sign=-1
)


def test_the_printed_example_is_what_the_program_prints(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "130")
    text = made_up.marks(PLAN, change={4: (0.0, 420.0, 0.0)})
    outcome = commission(read_session(MACHINE, PLAN, 1, 1.0), parse(text, "MARKS.csv"))
    print_summary(summary(outcome) | {"profile": "lab3.toml"})
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.strip().splitlines())
    assert f"```\n{printed}\n```" in PAGE.read_text(encoding="utf-8"), f"put this into {PAGE.name}:\n{printed}"


def test_the_plan_of_the_page_is_the_form_s():
    rows = re.findall(r"^\| (\d+) \| (-?\d+), (\d+), (\d+)\b", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    places = [(m.number, m.marker_left_mm, m.marker_head_mm, m.marker_up_mm) for m in parse(template(), "form").marks]
    assert [tuple(float(each) for each in row) for row in rows] == places
