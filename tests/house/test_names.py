"""House rules on names: no maker in the code, units in the names of the nouns, a docstring on what is public."""

import ast
import re

import pytest

from tests.house import source

MAKERS = (
    "siemens", "healthineers", "philips", "canon", "toshiba", "general electric", "gehc", "oec", "shimadzu", "ziehm",
    "hologic", "orthoscan", "fujifilm", "hitachi", "medtronic", "genoray", "artis", "axiom", "allura", "azurion",
    "alphenix", "infinix", "innova", "trinias",
)  # fmt: skip
# Whole words, "_" between words too; GE only in capitals ("ge" is a comparison).
MAKER = re.compile(rf"(?<![a-z])(?:{'|'.join(MAKERS)})(?![a-z])|(?-i:(?<![A-Za-z])GE(?![A-Za-z]))", re.IGNORECASE)

UNITS = (
    "mm", "mm2", "cm", "cm2", "mmal", "mmcu", "mgy", "gy", "gycm2", "mgycm2", "s", "min", "ms", "deg", "rad", "kv",
    "kev", "ma", "uas", "kg", "years", "percent", "fraction", "per_s",
)  # fmt: skip
# Float fields without a unit in the name: pure numbers, directions and what carries its unit beside it.
PURE_NUMBERS = {
    "Item.values": "as the file has them, with the unit in Item.unit",
    "Quantity.value": "unit in Quantity.unit",
    "Quantity.at_most": "unit in Quantity.unit",
    "Quantity.tolerance": "relative",
    "Quantity.draws": "unit in Quantity.unit",
    "DoseMap.on_body": "share of the field",
    "Finding.value": "unit in Finding.unit",
    "Finding.level": "unit in Finding.unit",
    "Finding.probability": "a probability",
    "Finding.acts_from_probability": "a probability",
    "Events.spread": "in the unit of its column",
    "Phantom.normal": "unit vectors",
    "Placement.rotation": "rotation matrix",
    "Beams.weight": "share of the event's kerma",
    "Beams.axis": "unit vectors",
    "Beams.u": "unit vectors",
    "Beams.v": "unit vectors",
    "Beams.table_rotation": "rotation matrices",
    "Hits.cos_incidence": "a cosine",
    "Hits.coverage": "share of the cell",
    "Factors.inverse_square": "a ratio",
    "Factors.scatter": "a ratio",
    "Factors.medium": "a ratio",
    "Factors.transmission": "a ratio",
    "Factors.calibration": "a ratio",
    "Factors.heel": "a ratio",
}
MODEL = source.PACKAGE / "model.py"


def float_fields():
    """("Class.field", line) of every field of model.py whose annotation holds floats."""
    for node in source.tree(MODEL).body:
        for field in node.body if isinstance(node, ast.ClassDef) else ():
            annotation = ast.unparse(field.annotation).lower() if isinstance(field, ast.AnnAssign) else ""
            if "float" in annotation:
                yield f"{node.name}.{field.target.id}", field.lineno


@pytest.mark.parametrize("text", ["a Siemens stand", "philips_zero = 1", "an_OEC", "GE", "(canon)"])
def test_a_maker_is_recognised(text):
    assert MAKER.search(text)


@pytest.mark.parametrize("text", ["canonical", "operator.ge", "GENERIC", "particle", "axioms"])
def test_other_words_are_no_maker(text):
    assert not MAKER.search(text)


def test_no_maker_is_named_in_code():
    found = [
        f"{source.name(path)}:{number}: {match.group()!r}"
        for path in source.python_files("skindose", "phantoms")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for match in MAKER.finditer(line)
    ]
    assert not found, "makers' quirks are data in normalise/profiles/*.toml, not code:\n" + "\n".join(found)


def test_float_fields_carry_their_unit():
    found = [
        f"skindose/model.py:{line}: {field} ends with no unit and is not among the pure numbers of this test"
        for field, line in float_fields()
        if field not in PURE_NUMBERS and not field.endswith(tuple(f"_{unit}" for unit in UNITS))
    ]
    assert not found, "\n".join(found)


def test_the_list_of_pure_numbers_is_no_longer_than_needed():
    assert set(PURE_NUMBERS) <= {field for field, _ in float_fields()}


def test_everything_public_is_documented():
    found = []
    for path in source.python_files("skindose", "phantoms", "scripts", "benchmarks"):
        nodes = [("module", source.tree(path)), *public(source.tree(path))]
        found += [f"{source.name(path)}: {what}" for what, node in nodes if not ast.get_docstring(node)]
    assert not found, "no docstring:\n" + "\n".join(found)


def public(module):
    """(name, node) of public functions and classes of a module, and of the public methods of the classes."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                yield from ((f"{node.name}.{name}", method) for name, method in public(node))
