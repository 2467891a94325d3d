"""The plans in experiments/: they can be run, and their claims are about what they measure."""

from __future__ import annotations

from pathlib import Path

import pytest

from semlink.core.schemes import Scheme
from semlink.lab.metrics import METRICS
from semlink.lab.sweep import Plan, read_plan
from semlink.lab.sweep.grid import cells_of, spell_out
from semlink.lab.sweep.plan import choice_name, curve_name
from semlink.lab.sweep.wanted import ALWAYS, By

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "experiments").glob("*.yaml"))
PLANS = {file.stem: read_plan(file) for file in FILES}
PAPERS = ("gesco", "spic", "sgc", "sqgan")

plans = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


def test_there_is_a_plan_for_each_publication() -> None:
    assert {*PAPERS, "big"} == PLANS.keys()


@plans
def test_a_plan_spells_out(plan: Plan) -> None:
    cells, folders = cells_of(plan)

    assert len(cells) == len(plan.schemes) * sum(map(len, plan.levels.values()))
    assert folders == ()  # nothing that is not in the repository


@plans
def test_its_photos_are_there(plan: Plan, camvid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMLINK_DATA", str(camvid.parent))

    photos = spell_out(plan).photos

    assert len(photos) == 24
    assert all(photo.name.startswith("test/") for photo in photos)
    assert all(photo.labels() is not None for photo in photos[:1])


@plans
def test_claims_are_about_schemes_and_metrics_of_the_plan(plan: Plan) -> None:
    names = {choice_name(choice, "scheme") for choice in plan.schemes}
    names |= {curve_name(choice) for choice in plan.schemes}

    assert plan.report.claims
    for claim in plan.report.claims:
        assert {*claim.ours, *claim.than} <= names
        assert claim.metric in (*plan.metrics, *ALWAYS)
        assert claim.metric in (*METRICS, *ALWAYS)
        assert not set(claim.ours) & set(claim.than)


@plans
def test_a_claim_is_about_some_of_the_plans_levels(plan: Plan) -> None:
    for claim in plan.report.claims:
        low, high = claim.where.level or (-1e9, 1e9)
        assert any(low <= level <= high for levels in plan.levels.values() for level in levels)
        if claim.by is By.LEVEL:
            assert len(plan.channels) == 1, "or the claim would have to say over which"


@pytest.mark.parametrize("name", PAPERS)
def test_a_publications_plan_claims_something_of_its_scheme(name: str) -> None:
    plan = PLANS[name]
    of_it = {
        called
        for choice in plan.schemes
        if choice["scheme"] == Scheme(name)
        for called in (choice_name(choice, "scheme"), curve_name(choice))
    }

    assert any(set(claim.ours) <= of_it for claim in plan.report.claims)


@plans
def test_the_first_lines_say_how_it_is_run(plan: Plan) -> None:
    name = next(name for name, other in PLANS.items() if other is plan)
    text = (ROOT / "experiments" / f"{name}.yaml").read_text()

    assert f"semlink sweep --plan experiments/{name}.yaml -o results/{name} " in text
