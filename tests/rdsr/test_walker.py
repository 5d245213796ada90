"""The byte walker against pydicom: an independent, plain walk finds the same items, in the same order."""

import dataclasses
import functools
import math
import warnings

import pydicom
import pytest

from skindose.model import Item
from skindose.rdsr import read, read_bytes
from skindose.rdsr.content import Content, decoder
from skindose.rdsr.demo import demo_procedure
from skindose.rdsr.walk import EXPLICIT, IMPLICIT, data_set, group_2
from skindose.rdsr.write import data_set as written
from skindose.rdsr.write import to_bytes
from tests.rdsr import build

REAL_FILES = (
    "canon_alphenix_rotational.dcm",
    "ge_oec_esp_c_arm.dcm",
    "philips_allura_clarity_u104.dcm",
    "philips_allura_clarity_u601.dcm",
    "philips_allura_no_model.dcm",
    "philips_azurion.dcm",
    "philips_legacy_316_events_7.7Gy.dcm",
    "siemens_axiom_artis.dcm",
    "siemens_axiom_example_procedure.dcm",
)
TEXTS = {"TEXT": "TextValue", "DATETIME": "DateTime", "DATE": "Date", "TIME": "Time", "UIDREF": "UID"}
# What the reader leaves out on purpose: who did it and on whom.
PEOPLE = {"113870", "113871", "121008", "121114", "121029", "121030", "121031"}


def plain_code(sequence):
    if not sequence:
        return None
    first = sequence[0]
    value = first.get("CodeValue") or first.get("LongCodeValue") or first.get("URNCodeValue") or ""
    return str(value).strip(), str(first.get("CodingSchemeDesignator", "")), str(first.get("CodeMeaning", "")).strip()


def plain_number(item):
    """Numbers and unit as pydicom gives them."""
    numbers, unit = [], ""
    for part in item.get("MeasuredValueSequence") or ():
        value = part.get("NumericValue")
        several = value if isinstance(value, pydicom.multival.MultiValue) else [value]
        numbers += [float(one) for one in several if one not in (None, "")]
        coded = plain_code(part.get("MeasurementUnitsCodeSequence"))
        unit = unit or (coded[0] if coded else "")
    if item.get("NumericValueQualifierCodeSequence"):
        numbers = []
    return tuple(numbers), unit


def plain(item):
    """(concept, kind, numbers, unit, text, code, children) of a content item, read with pydicom alone."""
    concept, kind = plain_code(item.get("ConceptNameCodeSequence")) or ("", "", ""), item.get("ValueType", "")
    children = tuple(plain(child) for child in item.get("ContentSequence") or ())
    numbers, unit = plain_number(item) if kind == "NUM" else ((), "")
    words = str(item.get(TEXTS[kind], "")).strip() if kind in TEXTS and concept[0] not in PEOPLE else ""
    value = plain_code(item.get("ConceptCodeSequence")) if kind == "CODE" else None
    return concept, kind, numbers, unit, words, value, children


@functools.cache
def pydicoms(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom finds fault with some values; so does the reader, in its own words
        return [plain(item) for item in pydicom.dcmread(path).ContentSequence]


def ours(item: Item):
    children = tuple(ours(child) for child in item.children)
    value = None if item.code is None else tuple(item.code)
    return tuple(item.concept), item.kind, item.values, item.unit, item.text, value, children


def count(tree):
    return sum(1 + count(entry[-1]) for entry in tree)


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL_FILES)
def test_a_real_file_gives_the_items_that_pydicom_finds(rdsr_folder, name):
    path = rdsr_folder / name
    expected = pydicoms(path)
    data = path.read_bytes()
    meta, start = group_2(data, 132)
    root = data_set(data, start, EXPLICIT if meta[0x00020010].startswith(b"1.2.840.10008.1.2.1") else IMPLICIT)
    got = [ours(item) for item in Content(decoder(root.get(0x00080005, b"").decode())).items(root)]
    assert count(got) == count(expected) > 100
    assert got == expected


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL_FILES)
def test_no_item_is_lost_between_the_tree_and_the_procedure(rdsr_folder, name):
    procedure = read(rdsr_folder / name)
    expected = count(pydicoms(rdsr_folder / name))
    roots = (*procedure.context, *procedure.accumulated, *procedure.events)
    assert sum(1 + sum(1 for _ in item.walk()) for item in roots) == expected
    numbers = [value for item in roots for inner in (item, *item.walk()) for value in inner.values]
    assert all(math.isfinite(value) for value in numbers)


@pytest.mark.parametrize("syntax", [build.IMPLICIT, build.EXPLICIT, build.DEFLATED, build.BIG_ENDIAN])
def test_the_transfer_syntax_makes_no_difference(syntax):
    described = dataclasses.replace(demo_procedure(), events=demo_procedure().events[:7])
    read_back = read_bytes(build.encoded(written(described), syntax), "a.dcm")
    expected = read_bytes(to_bytes(described), "a.dcm")
    assert (read_back.header, read_back.context) == (expected.header, expected.context)
    assert (read_back.accumulated, read_back.events) == (expected.accumulated, expected.events)


@pytest.mark.parametrize("syntax", [build.IMPLICIT, build.EXPLICIT])
def test_preamble_and_meta_information_may_be_missing(syntax):
    made = build.report(build.event(1), build.event(2))
    got = read_bytes(build.encoded(made, syntax, preamble=False), "a.dcm")
    assert len(got.events) == 2


def test_the_preamble_alone_may_be_missing():
    data = build.encoded(build.report(build.event(1)))
    assert len(read_bytes(data[132:], "a.dcm").events) == 1


@pytest.mark.parametrize("declared", [build.IMPLICIT, build.BIG_ENDIAN])
def test_a_wrong_declared_syntax_does_no_harm(declared):
    data = build.encoded(build.report(build.event(1)))
    wrong = data.replace(build.EXPLICIT.encode() + b"\0", declared.encode().ljust(20, b"\0"), 1)
    assert wrong != data
    assert len(read_bytes(wrong, "a.dcm").events) == 1


def defined_lengths(made, undefined):
    """The same report with every sequence and item of defined or undefined length."""
    for element in made:
        if element.VR == "SQ":
            element.value.is_undefined_length = element.is_undefined_length = undefined
            for entry in element.value:
                entry.is_undefined_length_sequence_item = undefined
                defined_lengths(entry, undefined)
    return made


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("syntax", [build.IMPLICIT, build.EXPLICIT, build.BIG_ENDIAN])
def test_lengths_may_be_defined_or_not(syntax, undefined):
    made = defined_lengths(build.report(build.event(1), build.event(2), build.totals()), undefined)
    data = build.encoded(made, syntax)
    mark = b"\xff\xff\xff\xff" in data
    assert mark == undefined
    got = read_bytes(data, "a.dcm")
    assert [event.children[1].values for event in got.events] == [(0.01,), (0.01,)]


def test_unknown_and_private_sequences_do_no_harm():
    made = build.report(build.event(1))
    made.add_new(0x00090010, "LO", "ACME")
    inner = pydicom.Dataset()
    inner.add_new(0x00091002, "LO", "private")
    made.add_new(0x00091001, "SQ", [inner])
    made.ContentSequence[0].add_new(0x00091001, "SQ", [inner])
    for syntax in (build.IMPLICIT, build.EXPLICIT, build.BIG_ENDIAN):
        assert len(read_bytes(build.encoded(made, syntax), "a.dcm").events) == 1


def test_a_content_sequence_written_as_unknown_is_read():
    """PS3.5, 6.2.2: a system that does not know an element keeps it as UN, in implicit little endian."""
    data = build.encoded(build.report(build.event(1), build.event(2)))
    tag = b"\x40\x00\x30\xa7"
    before = data[: data.index(tag)]
    implicit = build.encoded(build.report(build.event(1), build.event(2)), build.IMPLICIT)
    start = implicit.index(tag)
    content = implicit[start + 8 :]
    unknown = before + tag + b"UN\0\0" + implicit[start + 4 : start + 8] + content
    assert len(read_bytes(unknown, "a.dcm").events) == 2


@pytest.mark.parametrize("tail", [b"\0" * 7, b"\0" * 4096, b"\n", b"garbage behind the end of the data set"])
def test_bytes_behind_the_data_set_are_ignored(tail):
    data = to_bytes(demo_procedure())
    assert read_bytes(data + tail, "a.dcm").events == read_bytes(data, "a.dcm").events


def test_group_length_elements_are_read_over():
    made = build.report(build.event(1))
    explicit = build.encoded(made, preamble=False)
    for group in (b"\x08\x00",):
        explicit = group + b"\0\0UL\x04\0" + b"\x10\0\0\0" + explicit
    assert len(read_bytes(explicit, "a.dcm").events) == 1


def test_a_private_element_of_a_high_group_before_the_content_hides_nothing():
    data = build.encoded(build.report(build.event(1)))
    place = data.index(b"\x40\x00\x30\xa7SQ")
    odd = b"\x41\x00\x10\x00LO\x04\x00ACME"
    assert len(read_bytes(data[:place] + odd + data[place:], "a.dcm").events) == 1
