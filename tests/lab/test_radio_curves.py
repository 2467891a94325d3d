from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from semlink.core.channel_settings import ChannelModel
from semlink.lab.radio_curves import BitErrors, Curve, Errors, Point, measure_curve
from semlink.lab.radio_figure import draw, markdown


def errors(*bit_errors: int) -> Errors:
    return errors_of(np.array(bit_errors, np.int64))


def errors_of(bit_errors: BitErrors) -> Errors:
    return Errors(bit_errors, bit_errors > 0, 10)


@pytest.mark.parametrize(
    ("model", "levels"),
    [(ChannelModel.AWGN, (3.5, 3.9, 4.3)), (ChannelModel.RAYLEIGH, (6.4,))],
)
def test_block_errors_are_those_of_sim_ber(model: ChannelModel, levels: tuple[float, ...]) -> None:
    curve = measure_curve(
        model, "16qam-1/2", levels, blocks=200, our_blocks=200, block_bytes=30, seed=1
    )
    for point in curve.points:
        assert 0 < point.sionna.failed < 200
        assert point.agrees
    rates = [point.ours.bler for point in curve.points]
    assert rates == sorted(rates, reverse=True)


def test_rates_count_blocks_and_bits() -> None:
    found = errors(0, 4, 0, 1)
    assert (found.blocks, found.failed, found.bler, found.ber) == (4, 2, 0.5, 0.125)


def test_the_interval_of_block_errors_is_clopper_and_pearsons() -> None:
    for failed in (0, 7, 100):
        interval = binomtest(failed, 100).proportion_ci(0.99, "exact")
        found = errors(*[1] * failed, *[0] * (100 - failed)).bler_interval
        assert found == pytest.approx((interval.low, interval.high))


def test_the_interval_of_bit_errors_covers_their_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.geometric(0.2, (200, 300)) * (rng.random((200, 300)) < 0.3)
    intervals = [errors_of(row.astype(np.int64)).ber_interval for row in drawn]
    covered = [low <= 0.3 * 5 / 10 <= high for low, high in intervals]
    assert 0.95 < np.mean(covered) < 1.0


def test_few_bit_errors_have_a_wide_interval() -> None:
    low, high = errors(5, *[0] * 99).ber_interval
    assert low < 0.005 / 10 < 0.07 * 5 / 10 < high < 0.08 * 5 / 10
    assert errors(*[0] * 99).ber_interval == pytest.approx((0.0, 0.052), abs=1e-3)


def test_a_rate_outside_the_interval_is_told(tmp_path: Path) -> None:
    right = Point(3.0, errors(*[1] * 30, *[0] * 70), errors(*[1] * 32, *[0] * 68))
    wrong = Point(4.0, errors(*[1] * 60, *[0] * 40), errors(*[1] * 5, *[0] * 95))
    assert (right.agrees, right.ber_agrees) == (True, True)
    assert (wrong.agrees, wrong.ber_agrees) == (False, False)
    curves = [
        Curve(model, "qpsk-1/2", (right, wrong))
        for model in (ChannelModel.AWGN, ChannelModel.RAYLEIGH)
    ]
    rows = markdown(curves).splitlines()
    assert ["outside" in row for row in rows] == [False, False, False, True, False, True]
    for name in ("a.svg", "b.svg"):
        draw(curves, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert first.startswith(b"<?xml")
    assert first == second
