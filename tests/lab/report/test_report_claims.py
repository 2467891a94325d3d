"""Claims about rows by hand, whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from semlink.core.errors import InvalidInput
from semlink.lab.metrics import columns_of, interval, over_set
from semlink.lab.report.claims import Status, Verdict, check
from semlink.lab.report.swept import Point
from semlink.lab.sweep.plan import make_plan
from semlink.lab.sweep.wanted import Claim

LOST = None


def point(
    system: str,
    values: Sequence[float | None],
    *,
    level: float = 10.0,
    bpp: float = 0.1,
    **more: Any,
) -> Point:
    """A point whose rows have these values of SSIM, photo by photo; None where it was lost."""
    names: dict[str, Any] = {"channel": "awgn", "curve": system, "shared_budget": None} | more
    samples = names.pop("samples", 0)
    rows = tuple(
        {
            "photo_digest": str(photo),
            "seed": 0,
            "outcome": "lost" if value is LOST else "reconstructed",
            "ssim": value,
            "bits_per_pixel": bpp,
            "channel_uses_per_pixel": 2 * bpp,
            "streams": [{"samples": samples}],
        }
        for photo, value in enumerate(values)
    )
    return Point(
        system=system,
        level_kind="psnr_db",
        level=level,
        budget_kind=None,
        budget=None,
        rows=rows,
        **names,
    )


def checked(*points: Point, **fields: Any) -> Verdict:
    given = {"says": "Ours is better.", "ours": "ours", "than": "theirs", "metric": "ssim"}
    return check(Claim.model_validate(given | fields), points)


def test_what_is_always_better_holds_and_its_opposite_does_not() -> None:
    ours, theirs = point("ours", [0.8, 0.7, 0.9]), point("theirs", [0.5, 0.5, 0.5])

    holds = checked(ours, theirs)
    fails = checked(ours, theirs, ours="theirs", than="ours")

    (comparison,) = holds.comparisons
    known = interval([0.3, 0.2, 0.4])
    assert (holds.status, fails.status) == (Status.HOLDS, Status.FAILS)
    assert comparison.gain.mean == pytest.approx(known.value)
    assert comparison.gain.half_width == pytest.approx(known.high - known.value)
    assert fails.comparisons[0].gain.mean == pytest.approx(-known.value)


def test_a_gain_within_its_interval_does_not_hold() -> None:
    assert checked(point("ours", [0.9, 0.1]), point("theirs", [0.4, 0.5])).status is Status.FAILS


def test_pairs_are_of_one_photo() -> None:
    """The means' intervals overlap by far; the differences are all the same."""
    ours = point("ours", [0.11, 0.51, 0.91])
    assert checked(ours, point("theirs", [0.1, 0.5, 0.9])).status is Status.HOLDS


def test_all_points_have_to_hold() -> None:
    good = [point("ours", [0.8, 0.9], level=10.0), point("theirs", [0.1, 0.2], level=10.0)]
    bad = [point("ours", [0.1, 0.2], level=20.0), point("theirs", [0.8, 0.9], level=20.0)]

    assert checked(*good, *bad).status is Status.FAILS
    assert checked(*good, *bad, where={"level": [0, 10]}).status is Status.HOLDS
    assert checked(*good, *bad, where={"level": [30, 40]}).status is Status.UNKNOWN
    assert checked(*good, *bad, where={"channel": "rayleigh"}).status is Status.UNKNOWN


def test_every_rival_counts() -> None:
    points = [point("ours", [0.5, 0.6]), point("a", [0.1, 0.2]), point("b", [0.8, 0.9])]

    assert checked(*points, than=["a"]).status is Status.HOLDS
    assert checked(*points, than=["a", "b"]).status is Status.FAILS


def test_a_name_is_of_a_scheme_rather_than_of_a_curve() -> None:
    plain = point("theirs", [0.5, 0.5, 0.5], curve="theirs")
    dearer = point("theirs at 2", [0.9, 0.9, 0.9], curve="theirs")
    ours = point("ours", [0.8, 0.7, 0.9])
    assert checked(ours, plain, dearer).status is Status.HOLDS
    both = checked(ours, plain, dearer, than=["theirs", "theirs at 2"])
    assert [one.theirs for one in both.comparisons] == [plain, dearer]
    curve = point("theirs,bpp=0.1", [0.5, 0.5, 0.5], curve="theirs")
    assert len(checked(ours, curve, dearer).comparisons) == 2


def test_lost_pictures_are_left_out_or_count_as_worst() -> None:
    ours, theirs = point("ours", [0.8, 0.9, 0.7]), point("theirs", [0.9, LOST, 0.8])

    (left_out,) = checked(ours, theirs).comparisons
    (worst,) = checked(ours, theirs, lost="worst").comparisons

    assert (left_out.pairs, left_out.left_out) == (2, 1)
    assert left_out.gain.mean == pytest.approx(-0.1)
    assert (worst.pairs, worst.left_out) == (3, 0)
    assert worst.gain.mean == pytest.approx((-0.1 + 0.9 - 0.1) / 3)


def test_what_nobody_can_compare_is_not_measured() -> None:
    ours = point("ours", [0.8, 0.9])
    lost = checked(ours, point("theirs", [LOST, LOST]))
    alone = checked(point("ours", [0.8]), point("theirs", [0.1]))
    nobody = checked(ours, point("theirs", [0.1, 0.2], level=3.0))

    assert [found.status for found in (lost, alone, nobody)] == [Status.UNKNOWN] * 3
    assert checked(ours, point("theirs", [LOST, LOST]), metric="arrived").status is Status.HOLDS


def test_fewer_bits_are_better() -> None:
    ours, theirs = point("ours", [0.5, 0.5], bpp=0.1), point("theirs", [0.5, 0.5], bpp=0.4)
    verdict = checked(ours, theirs, metric="bits_per_pixel")

    assert verdict.status is Status.HOLDS
    assert verdict.comparisons[0].gain.mean == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("rate", "rival", "note"),
    [(0.15, 0.2, ""), (0.2, 0.2, ""), (0.5, 0.4, "the rival's highest rate")],
)
def test_by_rate_the_rival_is_favoured(rate: float, rival: float, note: str) -> None:
    rivals = [
        point(f"theirs {bpp}", [bpp, bpp], bpp=bpp, curve="theirs") for bpp in (0.4, 0.1, 0.2)
    ]
    (comparison,) = checked(point("ours", [0.9, 0.8], bpp=rate), *rivals, by="rate").comparisons

    assert comparison.theirs is not None
    assert comparison.theirs.system == f"theirs {rival}"
    assert comparison.note == note


def test_samples_are_not_compared_by_bits() -> None:
    points = [point("ours", [0.9, 0.8]), point("theirs", [0.2, 0.1], bpp=0.01, samples=500)]

    assert checked(*points, by="rate").status is Status.UNKNOWN
    assert checked(*points, by="rate", rate="channel_uses_per_pixel").status is Status.HOLDS


def test_plan_budgets_are_compared_each_with_itself() -> None:
    points = [
        point(system, [value, value + 0.01], shared_budget=("cpp", cpp))
        for system, value in {"ours": 0.5, "theirs": 0.4}.items()
        for cpp in (0.1, 0.2)
    ]
    verdict = checked(*points)

    assert [
        (c.ours.shared_budget, c.theirs and c.theirs.shared_budget) for c in verdict.comparisons
    ] == [
        (("cpp", 0.1), ("cpp", 0.1)),
        (("cpp", 0.2), ("cpp", 0.2)),
    ]


def test_miou_of_a_point_is_pooled() -> None:
    rows: tuple[dict[str, Any], ...] = tuple(
        {"photo_digest": str(index), "photo_miou": 0.5, "photo_confusion": counts}
        for index, counts in enumerate(([90, 10, 0, 0, 0, 0], [10, 0, 0, 5, 85, 0]))
    )
    made = point("ours", [])
    pooled = Point(**{**vars(made), "rows": rows})

    found = pooled.interval("photo_miou")

    counts = [{name: row[name] for name in columns_of("photo_miou")} for row in rows]
    assert found.value == over_set("photo_miou", counts)
    assert found.value == pytest.approx((100 / 115 + 85 / 100) / 2)


CLAIM = {"says": "It is.", "ours": "spic", "than": "avif", "metric": "psnr_db"}


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({"claims": [CLAIM | {"than": "heic"}]}, "heic"),
        ({"claims": [CLAIM | {"metric": "ssim"}]}, "ssim"),
        ({"claims": [CLAIM | {"metric": "fid"}]}, "no value of one picture"),
        ({"claims": [CLAIM | {"metric": "lpips", "lost": "worst"}]}, "no worst value"),
        ({"claims": [CLAIM | {"where": {"level": [5, 1]}}]}, "lower bound"),
        ({"claims": [CLAIM | {"where": {"snr": [1, 5]}}]}, "where.snr"),
        ({"claims": [CLAIM | {"by": "luck"}]}, "by"),
        ({"figures": [{"y": "beauty"}]}, "beauty"),
        ({"crop": [0.5, 0, 0.5, 1]}, "crop"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_report_is_refused_with_the_plan(report: Any, said: str) -> None:
    fields = {"photos": "photos", "schemes": ["spic", "avif,bpp=0.1"], "report": report}
    with pytest.raises(InvalidInput) as error:
        make_plan(fields)
    assert said in str(error.value)
