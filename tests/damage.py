"""Damaged dose reports by the hundred: the same seed gives the same damage.

    python tests/damage.py OUT COUNT FILE...

Values are emptied, negated, made NaN, huge or of an unknown unit; items removed, doubled, shuffled, renamed; bytes
flipped; files cut short.
"""

import copy
import io
import random
import sys
import warnings
from pathlib import Path

import pydicom


def damaged(data, seed):
    """One damaged variant of the bytes of a report: what was done to it, and the bytes."""
    rng = random.Random(seed)
    name = rng.choice(list(KINDS))
    return name, KINDS[name](data, rng)


def _walk(data_set):
    for item in data_set.get("ContentSequence", []):
        yield data_set, item
        yield from _walk(item)


def _structured(change):
    """A change of a few random content items of the parsed report."""

    def apply(data, rng):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom warns of what the makers wrote, and of the damage
            report = pydicom.dcmread(io.BytesIO(data))
            places = list(_walk(report))
            for parent, item in rng.sample(places, min(len(places), rng.choice((1, 5, 40)))):
                change(parent, item, rng)
            out = io.BytesIO()
            pydicom.dcmwrite(out, report, enforce_file_format=True)
        return out.getvalue()

    return apply


def _number(item, text):
    if item.get("MeasuredValueSequence"):
        measured = item.MeasuredValueSequence[0]
        element = pydicom.dataelem.DataElement(0x0040A30A, "DS", None, validation_mode=pydicom.config.IGNORE)
        element._value = text
        measured[0x0040A30A] = element


def _empty(_, item, rng):
    for keyword in ("MeasuredValueSequence", "ConceptCodeSequence", "ConceptNameCodeSequence"):
        if keyword in item and rng.random() < 0.7:
            setattr(item, keyword, [])


def _unit(_, item, rng):
    if item.get("MeasuredValueSequence") and item.MeasuredValueSequence[0].get("MeasurementUnitsCodeSequence"):
        item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue = rng.choice(("furlong", "", "Gy.m9"))


def _remove(parent, item, _):
    parent.ContentSequence = [other for other in parent.get("ContentSequence", []) if other is not item]


def _double(parent, item, _):
    if "ContentSequence" in parent:
        parent.ContentSequence = [*parent.ContentSequence, copy.deepcopy(item)]


def _shuffle(parent, _, rng):
    items = list(parent.get("ContentSequence", []))
    rng.shuffle(items)
    parent.ContentSequence = items


def _rename(_, item, rng):
    if item.get("ConceptNameCodeSequence"):
        item.ConceptNameCodeSequence[0].CodeValue = rng.choice(("113738", "122130", "113706", "999999", "113733"))


def _flip(data, rng):
    flipped = bytearray(data)
    for _ in range(rng.choice((1, 10, 200))):
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def _value(*texts):
    return _structured(lambda _, item, rng: _number(item, rng.choice(texts)))


KINDS = {
    "empty": _structured(_empty),
    "negative": _value("-5", "-0.001", "-1000"),
    "not a number": _value("NaN", "inf", "-inf", "twelve", ""),
    "huge": _value("1e30", "99999999", "1e300"),
    "tiny": _value("1e-30", "0", "-0"),
    "unknown unit": _structured(_unit),
    "removed": _structured(_remove),
    "doubled": _structured(_double),
    "shuffled": _structured(_shuffle),
    "renamed": _structured(_rename),
    "flipped": _flip,
    "cut": lambda data, rng: data[: rng.randrange(len(data))],
}


def write_damaged(out, count, files, seed=0):
    """Write `count` variants of the files into the folder `out`; returns their paths."""
    sources = [(Path(file).stem[:12], Path(file).read_bytes()) for file in files]
    paths = []
    for number in range(count):
        stem, data = sources[number % len(sources)]
        kind, bytes_ = damaged(data, seed + number)
        paths.append(Path(out) / f"{number:04d}-{stem}-{kind.replace(' ', '-')}.dcm")
        paths[-1].write_bytes(bytes_)
    return paths


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    print(len(write_damaged(folder, int(sys.argv[2]), sys.argv[3:])), "damaged files in", folder)
