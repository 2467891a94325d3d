"""One number of many transmissions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64, Shaped

from semlink.core.errors import InvalidInput
from semlink.lab.confusion import mean_iou, pixel_accuracy
from semlink.lab.metrics.table import METRICS, Over, Row, Value, check_known, columns_of

Column = Shaped[np.ndarray, "row ..."]
Features = Float64[np.ndarray, "_picture feature"]


def over_set(name: str, rows: Sequence[Row]) -> float:
    """A metric of a set of transmissions, from their rows.

    Rows without its columns are left out: say beside the number how many pictures were lost.

    Args:
        name: a key of `METRICS`; its `over` says what is done.
        rows: as `Evaluator.row` gave them; missing values may be None or nan.

    Returns:
        The value; nan where no row has one, or for distances of sets fewer than two have.

    Raises:
        InvalidInput: there is no such metric, or rows were made with other networks.
    """
    chosen = measured(name, rows)
    return statistic(name)(*stacked(name, rows, chosen)) if chosen else math.nan


def measured(name: str, rows: Sequence[Row]) -> list[int]:
    """Which rows have the metric's columns."""
    keys = _keys(name)
    return [index for index, row in enumerate(rows) if all(_present(row.get(key)) for key in keys)]


def stacked(name: str, rows: Sequence[Row], chosen: Sequence[int]) -> list[Column]:
    """The columns that the metric's statistic takes, of the chosen rows.

    Raises:
        InvalidInput: the rows' counts or features differ in number.
    """
    columns = []
    for key in _keys(name):
        values = [np.asarray(rows[index][key]) for index in chosen]
        if len({value.shape for value in values}) > 1:
            raise InvalidInput(
                "these rows were made with different networks.",
                field="rows",
                value=key,
                cure="Take rows of one segmenter and one taxonomy together.",
            )
        columns.append(np.array(values))
    return columns


def statistic(name: str) -> Callable[..., float]:
    """What is done with the stacked columns; all of them count once for every row."""
    check_known(name)
    over = METRICS[name].over
    if over is Over.MEAN:
        return _mean
    if over is Over.POOLED:
        return SCORES[name.rpartition("_")[2]]
    return DISTANCES[name]


def frechet_distance(ours: Features, theirs: Features) -> float:
    """Squared Frechet distance of two Gaussians with the features' means and covariances.

    Dowson and Landau 1982; Heusel et al., arXiv:1706.08500. The trace of the covariances' root is
    the sum of the singular values of the product of the centred features: exact, and quick for
    sets that are smaller than the number of features. The fewer the pictures, the larger it is.

    Returns:
        0 and up; nan for fewer than two pictures on a side.
    """
    if min(len(ours), len(theirs)) < 2:
        return math.nan
    apart = np.square(ours.mean(0) - theirs.mean(0)).sum()
    one, other = _factor(ours), _factor(theirs)
    shared = np.linalg.svd(one @ other.T, compute_uv=False).sum()
    spread = np.square(one).sum() + np.square(other).sum()
    return max(0.0, float(apart + spread - 2 * shared))


def kernel_distance(ours: Features, theirs: Features) -> float:
    """Squared maximum mean discrepancy with the cubic kernel (arXiv:1801.01401), unbiased.

    All pictures at once: the mean over random subsets that others report estimates the same, with
    more variance. nan for fewer than two pictures.
    """
    if len(ours) < 2:
        return math.nan
    import torch
    from torchmetrics.image.kid import poly_mmd

    return float(poly_mmd(torch.from_numpy(theirs), torch.from_numpy(ours)))


def _factor(features: Features) -> Features:
    """F with F'F the covariance, of no more rows than features."""
    centred = (features - features.mean(0)) / math.sqrt(len(features) - 1)
    tall = len(centred) > centred.shape[1]
    return np.asarray(np.linalg.qr(centred, mode="r")) if tall else centred


def _mean(values: Float64[np.ndarray, " row"]) -> float:
    return float(values.mean())


def _pooled(score: Callable[..., float]) -> Callable[[Column], float]:
    def pooled(counts: Column) -> float:
        from semlink.lab.metrics.maps import unflat

        total = counts.sum(0)
        return score(unflat(total)) if total.any() else math.nan

    return pooled


SCORES: dict[str, Callable[[Column], float]] = {
    "miou": _pooled(mean_iou),
    "accuracy": _pooled(pixel_accuracy),
}

DISTANCES: dict[str, Callable[..., float]] = {
    "segmenter_frechet_distance": frechet_distance,
    "fid": frechet_distance,
    "kid": kernel_distance,
}


def _keys(name: str) -> tuple[str, ...]:
    check_known(name)
    keys = columns_of(name)
    return keys[1:] if METRICS[name].over is Over.POOLED else keys


def _present(value: Value | None) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))
