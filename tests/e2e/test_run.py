"""`skindose run` as its users call it: real files in, result folders out, one clear line for what cannot be used."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from skindose.report.summary import schema
from tests.close import close

REAL = (
    "canon_alphenix_rotational",
    "ge_oec_esp_c_arm",
    "philips_allura_clarity_u104",
    "philips_allura_clarity_u601",
    "philips_allura_no_model",
    "philips_azurion",
    "philips_legacy_316_events_7.7Gy",
    "siemens_axiom_artis",
    "siemens_axiom_example_procedure",
)
FILES = {"result.json", "dosemap.vtp", "events.csv", "report.html", "case.npz"}


def skindose(*arguments, cwd=None, preexec_fn=None, **variables):
    """Run the program in its own process; returns exit code, standard output, standard error."""
    command = [sys.executable, "-c", "from skindose.cli import main; main()", *map(str, arguments)]
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "phantoms")]), "COLUMNS": "140"}
    environment |= variables
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=600, preexec_fn=preexec_fn
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done.returncode, done.stdout, done.stderr


def test_the_package_is_a_program_too():
    """`python -m skindose` says what the installed script says, where that is not on the path."""
    done = subprocess.run([sys.executable, "-m", "skindose", "schema"], capture_output=True, text=True,
                          cwd=Path(__file__).resolve().parents[2], timeout=60)  # fmt: skip
    assert (done.returncode, done.stdout) == (0, skindose("schema")[1])


def load(folder):
    return json.loads((folder / "result.json").read_text(), parse_constant=pytest.fail)


@pytest.fixture(scope="module")
def results(rdsr_folder, tmp_path_factory):
    """All nine real files in one call, two at a time."""
    out = tmp_path_factory.mktemp("real")
    before = {path.name: path.read_bytes() for path in rdsr_folder.glob("*.dcm")}
    code, stdout, stderr = skindose("run", *sorted(rdsr_folder.glob("*.dcm")), "--out", out, "--jobs", 2)
    assert {path.name: path.read_bytes() for path in rdsr_folder.glob("*.dcm")} == before, "an input was modified"
    return code, stdout, stderr, out


@pytest.mark.shared
def test_all_real_files_give_a_result_folder(results):
    import jsonschema

    code, _, stderr, out = results
    assert (code, stderr.strip()) == (0, "")
    assert sorted(path.name for path in out.iterdir()) == sorted(REAL)
    for name in REAL:
        assert {path.name for path in (out / name).iterdir()} == FILES
        jsonschema.validate(load(out / name), schema())


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_at_least_95_percent_of_the_air_kerma_is_mapped(results, name):
    result = load(results[3] / name)
    assert result["totals"]["air_kerma_mapped_fraction"] >= 0.95
    assert result["peak"]["skin_dose_mgy"] > 0
    assert result["peak"]["interval_95_mgy"][0] < result["peak"]["skin_dose_mgy"] < result["peak"]["interval_95_mgy"][1]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "want_mgy"),
    [
        ("siemens_axiom_artis", 1.32),
        ("siemens_axiom_example_procedure", 15.1),
        ("philips_legacy_316_events_7.7Gy", 7440.0),
    ],
)
def test_peaks_are_what_the_readme_says(results, name, want_mgy):
    peak = load(results[3] / name)["peak"]
    close(peak["skin_dose_mgy"], want_mgy, rtol=5e-3, because="the README gives three digits")


@pytest.mark.shared
def test_a_lateral_beam_meets_the_trunk_of_a_body_without_arms(rdsr_folder, tmp_path):
    source = rdsr_folder / "siemens_axiom_example_procedure.dcm"
    assert skindose("run", source, "--phantom", "oval", "--out", tmp_path)[0] == 0
    peak = load(tmp_path / source.stem)["peak"]
    close(peak["skin_dose_mgy"], 11.5, rtol=5e-3, because="the README gives three digits")
    assert peak["region"] == "lateral thorax, right"


@pytest.mark.shared
def test_the_high_dose_procedure_fires_and_peaks_on_the_back(results):
    result = load(results[3] / "philips_legacy_316_events_7.7Gy")
    fired = {(t["rule"], t["quantity"]) for t in result["triggers"] if t["fired"]}
    assert ("ncrp-168.substantial", "kar") in fired
    assert "posterior" in result["peak"]["region"]


@pytest.mark.shared
def test_the_mobile_c_arm_says_what_was_assumed(results):
    result = load(results[3] / "ge_oec_esp_c_arm")
    told = " ".join(result["assumptions"]).lower()
    assert "angle" in told
    assert "no table" in told or "without a table" in told
    assert result["placement"]["axes"]["head"].startswith("anatomy")


@pytest.mark.shared
def test_no_identifier_of_the_patient_leaves_the_file(results, rdsr_folder):
    import pydicom

    for name in REAL:
        header = pydicom.dcmread(rdsr_folder / f"{name}.dcm", stop_before_pixels=True)
        told = {str(header.get(key, "")) for key in ("PatientName", "PatientID", "AccessionNumber", "PatientBirthDate")}
        for path in (results[3] / name).iterdir():
            content = path.read_bytes()
            if path.name == "case.npz":
                with np.load(path) as kept:  # packed, so that nothing would be found in it
                    content = str(kept["case"]).encode()
            for secret in told:
                # Words shorter than 6 letters, as "physics", occur in texts of our own.
                if len(secret) >= 6 and secret != "physics":
                    assert secret.encode() not in content, f"{path.name} holds {secret!r}"


@pytest.mark.shared
def test_the_same_call_gives_the_same_bytes(rdsr_folder, tmp_path):
    source = rdsr_folder / "siemens_axiom_artis.dcm"
    for out in ("one", "two"):
        assert skindose("run", source, "--out", tmp_path / out)[0] == 0
    for name in FILES:
        one, two = (tmp_path / out / "siemens_axiom_artis" / name for out in ("one", "two"))
        assert one.read_bytes() == two.read_bytes(), name


@pytest.mark.shared
def test_json_for_programs(rdsr_folder, tmp_path):
    code, stdout, _ = skindose("run", rdsr_folder / "siemens_axiom_artis.dcm", "--out", tmp_path, "--json")
    document = json.loads(stdout)
    assert code == 0
    assert document[0]["result"] == load(tmp_path / "siemens_axiom_artis")


@pytest.mark.shared
def test_options_reach_the_result(rdsr_folder, tmp_path):
    source = rdsr_folder / "siemens_axiom_example_procedure.dcm"
    plain = ("run", source, "--phantom", "oval", "--out")
    assert skindose(*plain, tmp_path / "a")[0] == 0
    options = ["--corrections", "none", "--placement", "table", "--orientation", "hfp", "--offset", "5,10,15"]
    assert (
        skindose(*plain, tmp_path / "b", *options, "--exclude", "1,3-4", "--height-cm", 165, "--sex", "female")[0] == 0
    )
    a, b = (load(tmp_path / out / source.stem) for out in "ab")
    assert b["corrections"] == []
    assert b["orientation"]["actual"] == "hfp"
    assert b["placement"]["axes"]["head"].startswith("table")
    assert b["patient"]["height_cm"] == 165
    assert b["totals"]["events_mapped"] == a["totals"]["events_mapped"] - 3
    assert b["totals"]["air_kerma_mgy"] == a["totals"]["air_kerma_mgy"], "totals keep excluded events"


@pytest.mark.shared
def test_merging_a_file_with_itself_under_another_name_counts_once(rdsr_folder, tmp_path):
    source = rdsr_folder / "siemens_axiom_artis.dcm"
    twin = tmp_path / "copy.dcm"
    shutil.copyfile(source, twin)
    assert skindose("run", source, twin, "--merge", "--phantom", "oval", "--out", tmp_path / "out")[0] == 0
    (folder,) = (tmp_path / "out").iterdir()
    assert skindose("run", source, "--phantom", "oval", "--out", tmp_path / "alone")[0] == 0
    merged, alone = load(folder), load(tmp_path / "alone" / source.stem)
    close(merged["peak"]["skin_dose_mgy"], alone["peak"]["skin_dose_mgy"], rtol=1e-12, because="the same events")


@pytest.mark.shared
def test_two_inputs_of_one_name_get_their_digest(rdsr_folder, tmp_path):
    for number, name in enumerate(("siemens_axiom_artis", "philips_allura_no_model")):
        (tmp_path / str(number)).mkdir()
        shutil.copyfile(rdsr_folder / f"{name}.dcm", tmp_path / str(number) / "case.dcm")
    files = sorted(tmp_path.glob("*/case.dcm"))
    assert skindose("run", *files, "--phantom", "oval", "--out", tmp_path / "out")[0] == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(names) == 2
    assert all(name.startswith("case-") and len(name) == len("case-") + 8 for name in names)


@pytest.mark.shared
def test_a_result_is_replaced_whole_and_a_foreign_folder_is_not(rdsr_folder, tmp_path):
    source = rdsr_folder / "siemens_axiom_artis.dcm"
    call = ("run", source, "--phantom", "plane", "--out", tmp_path)
    assert skindose(*call)[0] == 0
    (tmp_path / source.stem / "stale.txt").write_text("of a former version")
    assert skindose(*call)[0] == 0
    assert {path.name for path in (tmp_path / source.stem).iterdir()} == FILES
    shutil.rmtree(tmp_path / source.stem)
    (tmp_path / source.stem).mkdir()
    (tmp_path / source.stem / "thesis.txt").write_text("mine")
    code, _, stderr = skindose(*call)
    assert code == 1
    assert "no skindose result" in stderr
    assert (tmp_path / source.stem / "thesis.txt").read_text() == "mine"


@pytest.mark.shared
def test_what_happened_to_files_and_folders_is_said(rdsr_folder, tmp_path):
    source, other = rdsr_folder / "siemens_axiom_artis.dcm", rdsr_folder / "philips_allura_no_model.dcm"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copyfile(source, tmp_path / name / "case.dcm")
    shutil.copyfile(source, tmp_path / "copy.dcm")
    plain = ("--phantom", "plane", "--out", tmp_path / "out")
    _, stdout, stderr = skindose("run", tmp_path / "a" / "case.dcm", tmp_path / "copy.dcm", *plain)
    assert "same bytes as case.dcm" in stdout
    assert "not yet signed" in stdout
    assert "report.html" in stdout
    assert stderr == ""
    (_, stdout, _) = skindose("run", tmp_path / "a" / "case.dcm", tmp_path / "b" / "case.dcm", *plain)
    assert "given 2 times" in stdout
    shutil.copyfile(other, tmp_path / "b" / "case.dcm")
    shutil.rmtree(tmp_path / "out")
    assert "replaced" not in skindose("run", tmp_path / "a" / "case.dcm", *plain)[1]
    assert "replaced the former result" in skindose("run", tmp_path / "a" / "case.dcm", *plain)[1]
    document = json.loads(skindose("run", tmp_path / "b" / "case.dcm", *plain, "--json")[1])
    assert "ANOTHER procedure" in " ".join(document[0]["notes"])


@pytest.mark.shared
def test_merging_files_of_two_studies_gives_two_results_and_says_so(rdsr_folder, tmp_path):
    files = [rdsr_folder / f"{name}.dcm" for name in ("siemens_axiom_artis", "philips_allura_no_model")]
    code, stdout, stderr = skindose("run", *files, "--merge", "--phantom", "plane", "--out", tmp_path)
    assert (code, stderr) == (0, "")
    assert stdout.count("these files are of 2 studies, which are not added up") == 2
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.shared
@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"COLUMNS": "0"}])
def test_a_log_that_is_not_utf_8_or_has_no_width_is_written_nevertheless(rdsr_folder, tmp_path, variables):
    source = tmp_path / "Jos\u00e9.dcm"
    shutil.copyfile(rdsr_folder / "siemens_axiom_artis.dcm", source)
    plain = ("--phantom", "plane", "--out", tmp_path / "out")
    code, stdout, _ = skindose("run", source, *plain, **variables)
    assert code == 0
    assert "Peak skin dose" in stdout
    code, stdout, _ = skindose("run", source, *plain, "--json", **variables)
    assert json.loads(stdout)[0]["file"] == source.name
    assert skindose("run", tmp_path / "\u00e9.dcm", *plain, **variables)[0] == 1


@pytest.mark.shared
def test_a_name_as_long_as_the_disk_allows(rdsr_folder, tmp_path):
    source = tmp_path / ("x" * 251 + ".dcm")
    shutil.copyfile(rdsr_folder / "siemens_axiom_artis.dcm", source)
    assert skindose("run", source, "--phantom", "plane", "--out", tmp_path / "out")[0] == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x" * 251]


@pytest.mark.shared
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_is_stopped_leaves_nothing_half_written_and_begins_no_other_file(rdsr_folder, tmp_path, jobs):
    files = []
    for number in range(40):
        files.append(tmp_path / f"{number}.dcm")
        shutil.copyfile(rdsr_folder / "siemens_axiom_artis.dcm", files[-1])
    out = tmp_path / "out"
    code = "from skindose.cli import main; main()"
    command = [sys.executable, "-c", code, "run", *map(str, files), "--out", str(out), "--jobs", str(jobs)]
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root), str(root / "phantoms")])
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL)
    while not (out.is_dir() and any(out.glob("[0-9]*/result.json"))):
        assert process.poll() is None
        time.sleep(0.02)
    process.terminate()
    assert process.wait(60) == 130
    left = [path.name for path in out.iterdir()]
    assert 1 <= len(left) < len(files)
    assert not [name for name in left if name.startswith(".")]


@pytest.mark.shared
def test_a_part_of_a_merge_that_cannot_be_read_is_told_in_the_result(rdsr_folder, tmp_path):
    good = rdsr_folder / "siemens_axiom_artis.dcm"
    (tmp_path / "part2.dcm").write_bytes(good.read_bytes()[:60_000])
    code, _, stderr = skindose(
        "run", good, tmp_path / "part2.dcm", "--merge", "--phantom", "plane", "--out", tmp_path / "o"
    )
    assert code == 1
    assert one_line(stderr, "part2.dcm")
    assert any("its dose is incomplete" in text for text in load(tmp_path / "o" / good.stem)["warnings"])


def one_line(stderr, name):
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert len(lines) == 1, stderr
    assert name in lines[0]
    return lines[0]


@pytest.mark.shared
def test_bad_input_is_one_line_each_and_the_good_file_is_done(rdsr_folder, tmp_path):
    good = rdsr_folder / "siemens_axiom_artis.dcm"
    (tmp_path / "text.dcm").write_text("Dear colleague, please find enclosed ...")
    (tmp_path / "cut.dcm").write_bytes(good.read_bytes()[:60_000])
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "folder.dcm").mkdir()
    bad = ["text.dcm", "cut.dcm", "empty.dcm", "folder.dcm", "absent.dcm"]
    code, _, stderr = skindose(
        "run", *(tmp_path / b for b in bad), good, "--phantom", "plane", "--out", tmp_path / "out"
    )
    assert code == 1
    lines = stderr.strip().splitlines()
    assert len(lines) == len(bad), stderr
    for name, line in zip(bad, lines, strict=True):
        assert line.startswith(name)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [good.stem]


@pytest.mark.shared
def test_full_disk_leaves_nothing_half_written(rdsr_folder, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    try:
        source = rdsr_folder / "siemens_axiom_artis.dcm"
        code, _, stderr = skindose("run", source, "--phantom", "plane", "--out", small)
        left = list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert code == 1
    assert "no space left" in one_line(stderr, source.stem)
    assert left == []


def test_output_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "x.dcm").write_text("x")
    code, _, stderr = skindose("run", tmp_path / "x.dcm", "--out", tmp_path / "file" / "out")
    assert code == 1
    assert "output folder" in one_line(stderr, "out")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--phantom", "giraffe"], "giraffe"),
        (["--orientation", "upside"], "orientation"),
        (["--corrections", "magic"], "corrections"),
        (["--offset", "1,2"], "offset"),
        (["--height-cm", "-3"], "height_cm"),
        (["--profile", "nobody"], "nobody"),
        (["--triggers", "nobody"], "nobody"),
        (["--region", "tail"], "tail"),
        (["--exclude", "x"], "exclude"),
        (["--config", "absent.toml"], "absent.toml"),
    ],
)
@pytest.mark.shared
def test_a_wrong_option_is_one_line(rdsr_folder, tmp_path, options, word):
    source = rdsr_folder / "siemens_axiom_artis.dcm"
    code, _, stderr = skindose("run", source, "--out", tmp_path, *options)
    assert code in (1, 2)
    assert word in one_line(stderr, word)
    assert list(tmp_path.iterdir()) == []


def test_usage_error_is_exit_code_2():
    assert skindose("run")[0] == 2
    assert skindose("run", "--nonsense", "x")[0] == 2


def test_demo_exceeds_3_gy(tmp_path):
    code, stdout, stderr = skindose("demo", "--out", tmp_path / "demo")
    assert (code, stderr) == (0, "")
    result = load(tmp_path / "demo" / "demo")
    assert result["peak"]["skin_dose_mgy"] > 3000
    assert "report.html" in stdout


@pytest.mark.shared
def test_check_says_what_a_report_lacks(rdsr_folder):
    code, stdout, _ = skindose("check", rdsr_folder / "philips_azurion.dcm")
    assert code == 0
    assert "kVp missing in 3 of 89" in stdout
    code, stdout, _ = skindose("check", rdsr_folder / "philips_azurion.dcm", "--json")
    assert json.loads(stdout)[0]["checks"]


def test_triggers_are_listed_shown_and_checked(tmp_path):
    assert "ncrp-168" in skindose("triggers", "list")[1]
    assert "recalled" in skindose("triggers", "show", "ncrp-168")[1]
    rules = json.loads(skindose("triggers", "show", "ncrp-168", "--json")[1])
    assert rules["id"] == "ncrp-168"
    (tmp_path / "own.toml").write_text("id = 'own'\ntitle = 'x'\n[[rule]]\nid = 'a'\nlevle = 3\n")
    code, _, stderr = skindose("triggers", "check", tmp_path / "own.toml")
    assert code == 2
    assert "own.toml" in one_line(stderr, "own.toml")


@pytest.mark.shared
def test_the_map_opens_in_pyvista_with_its_dose(results):
    import pyvista

    mesh = pyvista.read(results[3] / "siemens_axiom_example_procedure" / "dosemap.vtp")
    peak = load(results[3] / "siemens_axiom_example_procedure")["peak"]
    close(np.max(mesh.cell_data["dose_mgy"]), peak["cell_max_mgy"], rtol=1e-5, because="result.json has six digits")
