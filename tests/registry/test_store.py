"""What goes in comes out: once, byte for byte, with its history."""

import sys

import numpy as np
import pytest

from skindose import pipeline
from skindose.config import Settings
from skindose.errors import RegistryError
from skindose.registry import open_registry
from tests.close import close
from tests.registry import made


def receive(registry, data, **options):
    from skindose.registry import store

    return store.receive(registry, made.incoming(data), made.stored(data), **options)


def put(registry, procedure, *datas, **options):
    from skindose.registry import store

    return store.put(registry, procedure, made.stored(*datas, **options))


def test_a_report_comes_out_byte_for_byte_and_its_map_as_it_was(home):
    data = made.report()
    with open_registry() as registry:
        from skindose.registry import check, reading

        received = receive(registry, data)
        assert received.new
        assert reading.counting(received.procedure) == [data]
        kept = reading.open_kept(received.procedure)
        assert check.verify(registry) == []
    was = made.result(data)
    close(kept.dose_mgy, was.dosemap.dose_mgy, rtol=1e-5, because="stored as float32 with 16 bits of mantissa: 2^-17")
    close(kept.uncertainty_mgy, was.dosemap.uncertainty_mgy, rtol=2e-4, because="12 bits of mantissa: 2^-13")
    assert kept.facts["peak"]["cell"] == was.dosemap.peak.cell
    np.testing.assert_array_equal(kept.body.vertices_mm, was.phantom.vertices_mm)


def test_a_stored_case_is_computed_again_without_reading_a_report(home, monkeypatch):
    data = made.report()
    with open_registry() as registry:
        from skindose.registry import reading

        kept = reading.open_kept(receive(registry, data).procedure)
    monkeypatch.setattr(sys.modules["skindose.rdsr.read"], "opened", lambda *_: pytest.fail("a report was read again"))
    again = pipeline.compute_case(kept.case, sampled=False)
    np.testing.assert_array_equal(again.dosemap.dose_mgy, made.result(data).dosemap.dose_mgy)


def test_the_same_report_again_changes_nothing(home):
    data = made.report()
    with open_registry() as registry:
        from skindose.registry import reading

        receive(registry, data)
        before = reading.status()
        assert not receive(registry, data).new
        assert put(registry, 1, data) == 1
        assert reading.status() == before


def test_another_configuration_adds_a_version_and_keeps_the_former(home):
    data = made.report()
    other = Settings(phantom="cylinder", pad_mm=0.0)
    with open_registry() as registry:
        from skindose.registry import reading

        procedure = receive(registry, data).procedure
        assert put(registry, procedure, data, settings=other, why="recomputed: pad") == 2
        found = reading.versions(procedure)
        assert [one["version"] for one in found] == [1, 2]
        assert found[0]["peak_skin_dose_mgy"] != found[1]["peak_skin_dose_mgy"]
        first = reading.open_kept(procedure, 1)
        close(
            first.facts["peak"]["skin_dose_mgy"],
            made.result(data).dosemap.peak.skin_dose_mgy,
            rtol=1e-5,
            because="six digits in result.json",
        )
        (row,) = reading.procedures()
        assert row.version == 2


@pytest.mark.parametrize(
    ("second", "events"),
    [((1, 2, 3), 3), ((3, 4), 4), ((2, 5), 3)],
    ids=["superset", "disjoint", "overlap"],
)
def test_reports_of_one_study_are_joined(home, second, events):
    one, two = made.report(), made.report(events=second, instance="2")
    with open_registry() as registry:
        from skindose.registry import reading

        first = receive(registry, one)
        later = receive(registry, two)
        assert (later.procedure, later.new) == (first.procedure, True)
        assert len(reading.versions(first.procedure)) == 1, "a result of one report alone is none of both"
        assert put(registry, first.procedure, one) is None, "the result of the first alone came too late"
        assert put(registry, first.procedure, one, two) == 2
        assert len(reading.open_kept(first.procedure).case.events) == events
        assert len(reading.open_kept(first.procedure, 1).case.events) == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_only_a_reference_retracts_whichever_comes_first(home, order):
    wrong, right = made.report(), made.report(events=(7,), instance="2", replaces=("1",))
    with open_registry() as registry:
        from skindose.registry import check, reading

        for index in order:
            procedure = receive(registry, (wrong, right)[index]).procedure
        assert reading.counting(procedure) == [right]
        assert put(registry, procedure, right)
        assert len(reading.open_kept(procedure).case.events) == 1
        assert len(reading.reports(procedure)) == 2, "the retracted one is kept"
        assert check.verify(registry) == []


def test_reports_that_replace_each_other_all_count(home):
    pair = [
        made.report(instance="1", replaces=("2",)),
        made.report(events=(3,), instance="2", replaces=("1",)),
    ]
    with open_registry() as registry:
        from skindose.registry import reading

        receive(registry, pair[0])
        received = receive(registry, pair[1])
        assert len(reading.counting(received.procedure)) == 2
        assert "refer to each other" in received.notes[0]


def test_a_procedure_whose_reports_were_joined_elsewhere_is_outdated(home):
    one, two = made.report(), made.report(events=(3,), instance="2")
    with open_registry() as registry:
        from skindose.registry import reading

        procedure = receive(registry, one).procedure
        digest = reading.versions(procedure)[0]["configuration_sha256"]
        assert reading.outdated(digest) == []
        assert reading.outdated("another") == [procedure]
        receive(registry, two)
        assert reading.outdated(digest) == [procedure]


def test_patients_are_told_apart_by_issuer_and_number(home):
    same = [made.report(study, number="12") for study in "ab"]
    other = made.report("c", number="12", issuer="ELSEWHERE")
    silent = made.report("d", number="12", issuer="")
    nobody = [made.report(study, number="") for study in "ef"]
    with open_registry() as registry:
        from skindose.registry import reading

        found = [receive(registry, data).procedure for data in (*same, other, silent, *nobody)]
        patients = [{row.procedure for row in reading.procedures(patient_of=one)} for one in found]
    assert patients == [set(found[:2])] * 2 + [{one} for one in found[2:]]


def test_another_patient_in_the_same_study_is_told(home):
    with open_registry() as registry:
        receive(registry, made.report())
        assert "different patients" in receive(registry, made.report(instance="2", number="OTHER")).notes[0]


@pytest.mark.parametrize("plain", [False, True])
def test_the_plain_number_is_kept_only_where_it_is_turned_on(home, plain):
    with open_registry(plain=plain) as registry:
        from skindose.registry import check
        from skindose.registry.models import AUDITED, Audit, Blob, Identifier

        receive(registry, made.report())
        kept = [
            str(value)
            for table in (*AUDITED, Audit)
            if table not in (Blob, Identifier)
            for row in table.objects.values()
            for value in row.values()
        ]
        assert not [text for text in kept if made.NUMBER in text or "Quasten" in text]
        assert list(Identifier.objects.values_list("issuer", "number")) == (
            [("HOSPITAL", made.NUMBER)] if plain else []
        )
        assert check.verify(registry) == []


def test_findings_stand_beside_the_result(home):
    data = made.report()
    with open_registry() as registry:
        from skindose.registry.models import Finding

        receive(registry, data)
        fired = set(Finding.objects.filter(fired=True).values_list("rule", flat=True))
    assert fired == {one.rule for one in made.result(data).findings.findings if one.fired}
    assert fired


def test_a_hook_that_fails_takes_everything_back(home):
    def fail(entry, computation):
        raise RuntimeError("no")

    with open_registry() as registry:
        from skindose.registry import check, reading

        before = reading.status()
        with pytest.raises(RuntimeError):
            receive(registry, made.report(), hook=fail)
        assert reading.status() == before
        assert check.verify(registry) == []


def test_a_body_from_a_file_is_stored_once(sqlite_home, tmp_path):
    import trimesh

    mesh = tmp_path / "body.stl"
    egg = trimesh.creation.icosphere(subdivisions=4)
    egg.apply_scale((170.0, 100.0, 400.0))
    egg.apply_translation((0.0, -100.0, -400.0))
    egg.export(mesh)
    settings = Settings(phantom=str(mesh))
    with open_registry() as registry:
        from skindose.registry import reading, store
        from skindose.registry.models import Blob

        found = []
        for study in "ab":
            data = made.report(study)
            received = store.receive(registry, made.incoming(data), made.stored(data, settings=settings))
            found.append(reading.open_kept(received.procedure))
        assert Blob.objects.filter(kind="skin").count() == 1
    mesh.unlink()
    again = pipeline.compute_case(found[0].case, sampled=False)
    close(again.dosemap.dose_mgy, found[0].dose_mgy, rtol=1e-5, because="as stored")


def test_quarantine_keeps_the_reason_until_it_is_settled(home):
    with open_registry() as registry:
        from skindose.registry import reading, store

        assert store.quarantine(registry, "f" * 64, "a/b.dcm", "the file is empty", "Export it again.")
        assert not store.quarantine(registry, "f" * 64, "a/b.dcm", "the file is empty", "Export it again.")
        (row,) = reading.quarantined()
        assert (row["path"], row["reason"]) == ("a/b.dcm", "the file is empty")
        assert store.settle(registry, "f" * 64)
        assert reading.quarantined() == []


def test_texts_longer_than_any_column_or_with_nul_are_cut(home):
    with open_registry() as registry:
        from skindose.registry import reading, store

        store.quarantine(registry, "e" * 64, "x" * 5000, "a\0b" + "y" * 5000)
        (row,) = reading.quarantined()
        assert row["reason"].startswith("ab")


def test_what_is_not_there_is_said(home):
    with open_registry():
        from skindose.registry import reading

        with pytest.raises(RegistryError, match="no such case"):
            reading.find("K-1")
        with pytest.raises(RegistryError, match="no such result"):
            reading.open_kept(1)


def test_a_report_of_another_patient_takes_no_ones_place(sqlite_home):
    mine, foreign = made.report(), made.report(events=(7,), instance="2", number="OTHER", replaces=("1",))
    with open_registry() as registry:
        from skindose.registry import health, reading

        first = receive(registry, mine)
        notes = receive(registry, foreign).notes
        assert any("not heeded" in note for note in notes)
        assert [report["retracted"] for report in reading.reports(first.procedure)] == [False, False]
        assert health.mixed() == [first.case_number]
