"""Damaged dose reports, each one following from its seed: what a program that reads them must survive.

    python tests/damage.py OUT COUNT [FILES...]

writes COUNT damaged variants of the files (of the demonstration, without any) into the folder OUT. Values become
empty, negative, infinite, huge or of unknown unit; items vanish, return, swap places or change their code; bytes flip;
the end is missing.
"""

import argparse
import io
import random
import sys
import warnings
from pathlib import Path

import pydicom
from pydicom import config
from pydicom.dataset import Dataset

NUMBERS = (
    "",
    "-1",
    "-0.0",
    "0",
    "NaN",
    "inf",
    "-inf",
    "1e300",
    "-1e300",
    "1e-320",
    "99999999",
    "1\\2\\3",
    "abc",
    "1,5",
)
UNITS = ("", "furlong", "mGy", "Gy.m2", "rad", "mm", "m", "no units", "kV")
MOST = 12  # places that one variant changes


def holders(dataset):
    """Every data set with content items of its own, from the root down."""
    if dataset.get("ContentSequence"):
        yield dataset
        for item in dataset.ContentSequence:
            yield from holders(item)


def numbers(dataset):
    """Every Measured Value."""
    for holder in holders(dataset):
        for item in holder.ContentSequence:
            yield from item.get("MeasuredValueSequence") or ()


def _some(chance, found):
    found = list(found)
    return chance.sample(found, min(len(found), chance.randint(1, MOST)))


def _write_number(measured, words):
    # As LO, for it may be no number; in the file only the representation differs.
    measured.add_new(0x0040A30A, "LO", words)


def change_numbers(dataset, chance):
    for measured in _some(chance, numbers(dataset)):
        _write_number(measured, chance.choice(NUMBERS))


def one_bad_number_everywhere(dataset, chance):
    words = chance.choice(NUMBERS)
    for measured in numbers(dataset):
        _write_number(measured, words)


def change_units(dataset, chance):
    for measured in _some(chance, numbers(dataset)):
        for code in measured.get("MeasurementUnitsCodeSequence") or ():
            code.CodeValue = chance.choice(UNITS)


def remove_values(dataset, chance):
    for holder in _some(chance, holders(dataset)):
        item = chance.choice(holder.ContentSequence)
        for keyword in ("MeasuredValueSequence", "ConceptCodeSequence", "TextValue", "DateTime", "UID"):
            if keyword in item:
                delattr(item, keyword)


def remove_items(dataset, chance):
    for holder in _some(chance, holders(dataset)):
        content = list(holder.ContentSequence)
        holder.ContentSequence = chance.sample(content, chance.randint(0, len(content)))


def remove_one_item_everywhere(dataset, chance):
    """All items of one concept, as a maker leaves them out."""
    found = [item for holder in holders(dataset) for item in holder.ContentSequence]
    gone = _concept(chance.choice(found))
    for holder in list(holders(dataset)):
        holder.ContentSequence = [item for item in holder.ContentSequence if _concept(item) != gone]


def _concept(item):
    codes = item.get("ConceptNameCodeSequence")
    return str(codes[0].get("CodeValue", "")) if codes else ""


def double_items(dataset, chance):
    for holder in _some(chance, holders(dataset)):
        holder.ContentSequence = [*holder.ContentSequence, chance.choice(holder.ContentSequence)]


def shuffle_items(dataset, chance):
    for holder in _some(chance, holders(dataset)):
        content = list(holder.ContentSequence)
        chance.shuffle(content)
        holder.ContentSequence = content


def move_items(dataset, chance):
    """An item of one holder becomes one of another."""
    found = list(holders(dataset))
    for _ in range(chance.randint(1, MOST)):
        giver, taker = chance.choice(found), chance.choice(found)
        taken = chance.choice(giver.ContentSequence)
        if giver is not taker and not taken.get("ContentSequence"):
            taker.ContentSequence = [*taker.ContentSequence, taken]


def rename_items(dataset, chance):
    every = [item for holder in holders(dataset) for item in holder.ContentSequence]
    for item in _some(chance, every):
        for keyword in ("ConceptNameCodeSequence", "ConceptCodeSequence"):
            for code in item.get(keyword) or ():
                code.CodeValue = chance.choice(
                    ("113738", "122130", "113706", "99999", "", _concept(chance.choice(every)))
                )


def change_kinds(dataset, chance):
    for item in _some(chance, (item for holder in holders(dataset) for item in holder.ContentSequence)):
        item.ValueType = chance.choice(("NUM", "TEXT", "CODE", "CONTAINER", "UIDREF", "", "IMAGE", "XYZ"))


def change_header(dataset, chance):
    for keyword in chance.sample(("PatientSize", "PatientWeight", "PatientAge", "StudyDate", "Manufacturer", "Modality",
                                  "SpecificCharacterSet", "StudyInstanceUID", "SOPClassUID"), 3):  # fmt: skip
        if chance.random() < 0.5 and keyword in dataset:
            delattr(dataset, keyword)
        else:
            dataset.add_new(pydicom.datadict.tag_for_keyword(keyword), "LO", chance.choice((*NUMBERS, "\x1b[31m", "é")))


STRUCTURED = (change_numbers, one_bad_number_everywhere, change_units, remove_values, remove_items,
              remove_one_item_everywhere, double_items, shuffle_items, move_items, rename_items, change_kinds,
              change_header)  # fmt: skip


def flip_bytes(data, chance):
    flipped = bytearray(data)
    for _ in range(chance.randint(1, 30)):
        flipped[chance.randrange(len(flipped))] = chance.randrange(256)
    return bytes(flipped)


def flip_one_bit(data, chance):
    flipped = bytearray(data)
    flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def cut_short(data, chance):
    return data[: chance.randrange(len(data))]


def cut_out(data, chance):
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randint(1, 2000) :]


def zero_the_end(data, chance):
    kept = chance.randrange(len(data))
    return data[:kept] + bytes(len(data) - kept)


RAW = (flip_bytes, flip_one_bit, cut_short, cut_out, zero_the_end)


def _structured(data, change, chance):
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        dataset: Dataset = pydicom.dcmread(io.BytesIO(data))
        change(dataset, chance)
        out = io.BytesIO()
        # Only what changed is encoded anew; a header without its class or UID is written as it is.
        dataset.save_as(out, enforce_file_format=False)
    return out.getvalue()


def damaged(data, seed):
    """(what was done, the damaged bytes); the same seed does the same to the same bytes."""
    chance = random.Random(seed)
    changes = (*STRUCTURED, *RAW)
    change = changes[seed % len(changes)]
    done = change(data, chance) if change in RAW else _structured(data, change, chance)
    return change.__name__, done


def write_damaged(out, count, files=(), seed=0):
    """Write `count` variants of the files (of the demonstration, without any) into the folder; returns their paths."""
    sources = [(Path(file).stem[:12], Path(file).read_bytes()) for file in files] or [("demo", _demo())]
    paths = []
    for number in range(count):
        name, data = sources[number % len(sources)]
        label, done = damaged(data, seed + number)
        paths.append(Path(out) / f"{number:05d}-{name}-{label}.dcm")
        paths[-1].write_bytes(done)
    return paths


def _demo():
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from skindose.rdsr.demo import demo_procedure
    from skindose.rdsr.write import to_bytes

    return to_bytes(demo_procedure())


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(len(write_damaged(arguments.out, arguments.count, arguments.files)), "damaged files in", arguments.out)


if __name__ == "__main__":
    main()
