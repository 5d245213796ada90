"""Who the patient is: read only when asked for, in the letters of the file; cases of DICOM PS3.5, annexes H to J."""

import hashlib

import pytest

from skindose import rdsr
from skindose.errors import InputError
from tests.rdsr import build
from tests.rdsr.build import event


def written(folder, declared, name, number=b"4711", born=b"19500203"):
    rows = ((0x10, b"PN", name), (0x20, b"LO", number), (0x30, b"DA", born))
    patient = b"".join(b"\x10\0" + bytes([tag, 0]) + vr + len(v).to_bytes(2, "little") + v for tag, vr, v in rows)
    head = b"\x08\0\x05\0CS" + len(declared).to_bytes(2, "little") + declared
    path = folder / "case.dcm"
    report = build.report(event(1))
    del report.PatientName, report.PatientID
    path.write_bytes(head + patient + build.encoded(report, preamble=False))
    return path


@pytest.mark.parametrize(
    ("declared", "raw", "names"),
    [
        (b"", b"ADAMS^John Robert Quincy^^Rev.^B.A. M.Div.", ("ADAMS, John Robert Quincy (Rev. B.A. M.Div.)",)),
        (b"ISO_IR 100", "Æneas^Rüdiger".encode("latin-1"), ("Æneas, Rüdiger",)),
        (b"ISO_IR 144", "Жуковский^Анна".encode("iso8859_5"), ("Жуковский, Анна",)),
        (
            b"\\ISO 2022 IR 87",  # PS3.5 H.3.1
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            ("Yamada, Tarou", "山田, 太郎", "やまだ, たろう"),
        ),
        (
            b"\\ISO 2022 IR 149",  # PS3.5 I.2
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            ("Hong, Gildong", "洪, 吉洞", "홍, 길동"),
        ),
        (b"ISO_IR 192", "Wang^XiaoDong=王^小東=".encode(), ("Wang, XiaoDong", "王, 小東")),  # PS3.5 J.1
        (b"GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), ("Wang, XiaoDong", "王, 小东")),  # PS3.5 J.2
        (b"ISO_IR 192", "=王^小東".encode(), ("王, 小東",)),
        (b"", b"", ()),
    ],
)
def test_names_in_the_letters_of_the_file(tmp_path, declared, raw, names):
    assert rdsr.identity(written(tmp_path, declared, raw)).names == names


def test_number_birth_date_and_digest(tmp_path):
    path = written(tmp_path, b"", b"DOE^Jane")
    found = rdsr.identity(path)
    assert (found.number, found.birth_date) == ("4711", "1950-02-03")
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.sha256 == rdsr.read(path).inputs[0].sha256


def test_nothing_is_shown_by_accident(tmp_path):
    found = rdsr.identity(written(tmp_path, b"", b"DOE^Jane"))
    assert not any(word in f"{found!r} {found} {[found]}" for word in ("DOE", "Jane", "4711", "1950"))


def test_control_characters_do_not_pass(tmp_path):
    found = rdsr.identity(written(tmp_path, b"", b"DOE^Ja\x07ne", number=b"47\n11"))
    assert found.names == ("DOE, Ja ne",)
    assert found.number == "47 11"


def test_what_is_no_report_is_told_without_its_content(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("DOE^Jane")
    with pytest.raises(InputError, match=r"^letter\.txt: this is not a DICOM file") as told:
        rdsr.identity(path)
    assert "DOE" not in str(told.value)
