"""Several procedures of a patient in the registry: added whenever their results changed, alerted once."""

import itertools
import json

import numpy as np
import pytest

from skindose import pipeline, rdsr, summing
from skindose.cumulative import adding
from skindose.pool import Pool
from skindose.rdsr.write import WrittenProcedure, to_bytes
from skindose.registry import open_registry
from skindose.registry.packing import unpack_map
from skindose.site import Site
from skindose.uncertainty import sample
from tests.close import close
from tests.registry import made, sums

OVERLAPPING = [
    sums.report(f"s{k}", f"20260{k + 1}01", ((10 * k + 1, 0.0, 1500.0), (10 * k + 2, 5.0, 500.0))) for k in range(3)
]
SEPARATE = [
    sums.report(f"t{k}", f"20260{k + 1}01", ((20 + k, angle, kerma),))
    for k, (angle, kerma) in enumerate(((0.0, 900.0), (90.0, 500.0), (-90.0, 400.0)))
]


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """How sure is tried elsewhere; here it only takes time."""
    monkeypatch.setattr(sample, "PLACEMENTS", 4)
    monkeypatch.setattr(sample, "DRAWS", 50)


def held(procedure, days=365):
    from skindose.registry import sums as table

    (found,) = [one for one in table.current(procedure) if one["window_days"] == days]
    return found


def test_overlapping_procedures_give_the_peak_of_one_run_over_all_their_events(sqlite_home):
    with open_registry() as registry:
        from skindose.registry import check, reading

        last = [sums.receive(registry, data) for data in OVERLAPPING][-1]
        sums.follow(registry)
        found = held(last.procedure)
        dose_mgy = unpack_map(reading.content(found["map"])).dose_mgy
        assert check.verify(registry) == []
    together = [rdsr.read_bytes(data, "a.dcm") for data in OVERLAPPING]
    whole = [pipeline.compute(one, sums.SETTINGS, sampled=False).dosemap.dose_mgy for one in together]
    close(dose_mgy, np.sum(whole, axis=0), rtol=1e-5, because="stored as float32 with 16 bits of mantissa: 2^-17")
    close(
        found["document"]["peak"]["skin_dose_mgy"],
        one_run(OVERLAPPING).skin_dose_mgy,
        rtol=1e-3,
        because="not all factors are of one beam alone: 0.1 % is what the sum promises",
    )
    assert [one["name"] for one in found["document"]["procedures"]][-1] == last.case_number


def one_run(datas):
    """Peak of all their events as one procedure."""
    events = tuple(
        sums.event(10 * k + n, angle, kerma)
        for k in range(3)
        for n, angle, kerma in ((1, 0.0, 1500.0), (2, 5.0, 500.0))
    )
    described = WrittenProcedure(events, seed="all", date="20260301", height_cm=178.0, weight_kg=80.0, sex="M")
    found = rdsr.read_bytes(to_bytes(described), "all.dcm")
    return pipeline.compute(found, sums.SETTINGS, sampled=False).dosemap.peak


def test_on_separate_fields_the_peak_stays_the_largest_single_one(sqlite_home):
    with open_registry() as registry:
        last = [sums.receive(registry, data) for data in SEPARATE][-1]
        sums.follow(registry)
        document = held(last.procedure)["document"]
    largest = max(one["peak_mgy"] for one in document["procedures"])
    close(document["peak"]["skin_dose_mgy"], largest, rtol=0.01, because="scatter from a quarter turn away: under 1 %")


def _orders():
    """All six; those where nothing comes in late, and where the first comes last, in every run."""
    for order in itertools.permutations(range(3)):
        quick = order in ((0, 1, 2), (2, 1, 0))
        yield pytest.param(order, marks=() if quick else pytest.mark.slow)


@pytest.mark.parametrize("order", list(_orders()))
def test_the_order_of_arrival_does_not_matter(sqlite_home, order):
    with open_registry() as registry:
        from skindose.registry import alerts, check

        found = {k: sums.receive(sums.raising(registry), OVERLAPPING[k]) for k in order if not again(registry)}
        again(registry)
        peaks = [_peak(found[k].procedure) for k in range(3)]
        names = {found[k].case_number: k for k in range(3)}
        raised = sorted((names[one["case"]], one["rule"], one["quantity"], one["level"]) for one in alerts.listed())
        assert check.verify(registry) == []
    alone = sums.result(OVERLAPPING[0]).dosemap.peak.skin_dose_mgy
    assert peaks[0] is None, "nothing before it"
    close(peaks[1:], [2 * alone, 3 * alone], rtol=1e-6, because="three times the same procedure")
    assert raised == [(1, "site.together", "psd", "3"), (2, "site.together", "psd", "3")]


def again(registry):
    """Sums after each arrival, as each would be a round of its own."""
    sums.follow(sums.raising(registry))


def _peak(procedure):
    from skindose.registry import sums as table

    found = [one for one in table.current(procedure) if one["window_days"] == 365]
    return found[0]["document"]["peak"]["skin_dose_mgy"] if found else None


def test_nothing_is_made_again_and_nobody_is_cast_twice(sqlite_home, monkeypatch):
    with open_registry() as registry:
        for data in OVERLAPPING:
            sums.receive(registry, data)
        casts, compute = [], adding.compute_case
        monkeypatch.setattr(adding, "compute_case", lambda case, **how: casts.append(1) or compute(case, **how))
        assert len(sums.follow(registry)) == 4, "of two procedures with others before them, for 60 and 365 days"
        assert len(casts) == 3
        assert sums.follow(registry) == []


def test_an_error_of_the_program_in_one_patient_s_case_stops_no_run(sqlite_home, monkeypatch):
    with open_registry() as registry:
        for data in OVERLAPPING:
            sums.receive(registry, data)
        with monkeypatch.context() as patch:
            patch.setattr(summing, "open_part", lambda _: 1 / 0)
            found = list(summing.follow(registry, sums.RULES, Site(), Pool(1)))
        assert {one.reason for one in found} == {
            "procedures cannot be added: an error inside the program (ZeroDivisionError)"
        }
        assert sums.follow(registry) == [], "not tried for ever"
        sums.receive(registry, sums.report("s9", "20260401", ((90, 0.0, 500.0),)))
        sums.receive(registry, sums.report("s8", "20260101", ((80, 0.0, 500.0),)))
        assert len(sums.follow(registry)) >= 4, "of other results"
        from skindose.registry import reading

        assert reading.quarantined() == [], "what is made is off the list"


def test_killed_between_result_and_sum_the_next_run_makes_it_once(home):
    with open_registry() as registry:
        last = [sums.receive(sums.raising(registry), data) for data in OVERLAPPING][-1]
    with open_registry() as registry:
        from skindose.registry import alerts
        from skindose.registry import sums as table

        first = sums.follow(sums.raising(registry))[:1]
        assert first
        sums.follow(sums.raising(registry))
        assert [one["version"] for one in table.current(last.procedure)] == [1, 1]
        assert len(alerts.listed()) == 2


def test_a_retracted_report_and_a_test_exposure_are_in_no_sum(sqlite_home):
    with open_registry() as registry:
        from skindose.registry import store
        from skindose.registry import sums as table

        found = [sums.receive(registry, data) for data in OVERLAPPING[:2]]
        sums.receive(registry, OVERLAPPING[2], purpose="test")
        sums.follow(registry)
        assert len(held(found[1].procedure)["parts"]) == 2
        store.retract(registry, made.incoming(OVERLAPPING[0]).sop_instance_uid, "another patient's")
        assert set(sums.follow(registry)) == {found[1].case_number}
        again = held(found[1].procedure)
        assert (len(again["parts"]), again["version"]) == (1, 2)
        assert table.known(found[1].procedure).nearest_days is None


def test_another_patient_and_nobody_add_with_nothing(sqlite_home):
    with open_registry() as registry:
        sums.receive(registry, sums.report("u1", "20260101", number="A"))
        sums.receive(registry, sums.report("u2", "20260102", number="A", issuer="ELSEWHERE"))
        for study in ("u3", "u4"):
            sums.receive(registry, sums.report(study, "20260103", number=""))
        assert sums.follow(registry) == []


def test_reports_of_one_study_that_name_different_patients_are_left_out_and_it_says_so(sqlite_home):
    with open_registry() as registry:
        mixed = sums.receive(registry, OVERLAPPING[0])
        found = [sums.receive(registry, data) for data in OVERLAPPING[1:]]
        sums.receive(registry, sums.report("s0", "20260101", ((99, 0.0, 10.0),), number="OTHER"))
        sums.follow(registry)
        document = held(found[1].procedure)["document"]
    assert [one["name"] for one in document["procedures"]] == [one.case_number for one in found]
    assert any(mixed.case_number in note and "different patients" in note for note in document["notes"])


@pytest.mark.parametrize(("day", "counts"), [("20250302", True), ("20250228", False)])
def test_a_window_holds_365_days(sqlite_home, day, counts):
    with open_registry() as registry:
        from skindose.registry import sums as table

        sums.receive(registry, sums.report("v1", day, ((1, 0.0, 800.0),)))
        last = sums.receive(registry, sums.report("v2", "20260302", ((2, 0.0, 800.0),)))
        sums.follow(registry)
        assert [one["window_days"] for one in table.current(last.procedure)] == ([365] if counts else [])


def test_a_lifetime_is_added_where_a_place_got_3_gy_before_or_the_site_asks(sqlite_home):
    with open_registry() as registry:
        from skindose.registry import sums as table

        sums.receive(registry, sums.report("w1", "20200101", ((1, 0.0, 4000.0),)))
        last = sums.receive(registry, sums.report("w2", "20260302", ((2, 0.0, 800.0),)))
        sums.follow(registry)
        assert [one["window_days"] for one in table.current(last.procedure)] == [None]
        assert table.known(last.procedure).highest_mgy > 3000
        assert sums.follow(registry, Site(cumulative_lifetime=True)) == []


def test_no_identifier_is_in_a_document(sqlite_home):
    with open_registry() as registry:
        last = [sums.receive(registry, data) for data in OVERLAPPING][-1]
        sums.follow(registry)
        text = json.dumps(held(last.procedure))
    found = rdsr.read_bytes(OVERLAPPING[0], "a.dcm")
    for secret in (made.NUMBER, "Quastenflosser", found.header.study_instance_uid, "HOSPITAL"):
        assert secret not in text
