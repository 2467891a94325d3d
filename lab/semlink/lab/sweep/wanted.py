"""What a plan wants to read in the report of its sweep: figures, photos, and claims as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from semlink.core.base_settings import Finite, Settings
from semlink.lab.metrics.table import METRICS, Over

Rate = Literal["bits_per_pixel", "channel_uses_per_pixel"]
RATES: tuple[Rate, ...] = ("bits_per_pixel", "channel_uses_per_pixel")
ARRIVED = "arrived"  # 1 where there is a picture, 0 where the radio lost it
ALWAYS = ("psnr_db", ARRIVED, *RATES)
"""Numbers that there are whatever the plan's metrics."""

WORST: dict[str, float] = {
    "psnr_db": 0.0,  # all values wrong by the whole range
    "ssim": 0.0,  # of pictures that have nothing to do with each other
    "ms_ssim": 0.0,
    "depth_error": 1.0,
    "segmenter_feature_distance": 4.0,
    **{name: 0.0 for name in METRICS if name.endswith(("_miou", "_accuracy"))},
}
"""What a picture that did not arrive counts as, for metrics that have a worst value."""

RATE_OPTIONS = (
    *("bpp", "cpp", "coarse_factor", "map_side", "colour_side"),
    *("map_fraction", "picture_fraction", "min_region_px"),
)
"""Settings by which a scheme takes more or less of the channel."""


class By(StrEnum):
    """Which points of the grid a claim sets beside each other."""

    LEVEL = "level"
    RATE = "rate"


class Lost(StrEnum):
    """What a claim does with pictures that did not arrive."""

    LEFT_OUT = "left_out"
    WORST = "worst"


def _several(given: object) -> object:
    return [given] if isinstance(given, str) else given


def _in_order(bounds: object) -> object:
    if isinstance(bounds, list | tuple) and list(bounds) != sorted(bounds):
        raise ValueError("the lower bound comes first")
    return bounds


Names = Annotated[tuple[str, ...], BeforeValidator(_several), Field(min_length=1)]
Bounds = Annotated[tuple[Finite, Finite], BeforeValidator(_in_order)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Where(Settings):
    """Which points of the grid a claim is about; all that is given has to fit."""

    level: Bounds | None = None
    budget: Bounds | None = None
    bits_per_pixel: Bounds | None = None
    channel_uses_per_pixel: Bounds | None = None
    channel: Names | None = None


class Claim(Settings):
    """A sentence that the rows of a sweep bear out, or do not."""

    says: str = Field(description="A sentence.", min_length=1)
    ours: Names = Field(description="Schemes that are better, as the plan names them.")
    than: Names = Field(description="Their rivals, as the plan names them.")
    metric: str = Field(description="A metric of the plan, psnr_db, arrived or a rate.")
    by: By = Field(default=By.LEVEL, description="level or rate.")
    rate: Rate = Field(
        default="bits_per_pixel",
        description="For by: rate, bits_per_pixel or channel_uses_per_pixel.",
    )
    where: Where = Field(
        default=Where(),
        description="Bounds [low, high] of level, budget or a rate of ours, or a channel's name.",
    )
    lost: Lost = Field(default=Lost.LEFT_OUT, description="left_out or worst.")

    @model_validator(mode="after")
    def _checked(self) -> Claim:
        if self.metric in METRICS and METRICS[self.metric].over is Over.SET:
            raise ValueError(f"{self.metric} has no value of one picture")
        if self.lost is Lost.WORST and self.metric not in (*WORST, *ALWAYS):
            raise ValueError(f"{self.metric} has no worst value")
        return self


class FigureWanted(Settings):
    """One figure: a number over the level or over a rate."""

    x: Literal["level", "bits_per_pixel", "channel_uses_per_pixel"] = "level"
    y: str
    log_x: bool = False


class ReportWanted(Settings):
    """What a report has beyond the usual."""

    title: str = ""
    text: str = Field(default="", description="Below the title; empty lines part paragraphs.")
    figures: tuple[FigureWanted, ...] = Field(default=(), description="None for the usual ones.")
    photos: int = Field(default=3, ge=0, le=100, description="How many photos are shown.")
    photo_levels: tuple[float, ...] = Field(
        default=(), description="Where they are shown; none for lowest, middle and highest level."
    )
    crop: tuple[Share, Share, Share, Share] = Field(
        default=(0.0, 0.0, 1.0, 1.0),
        description="What is shown of them: left, top, right, bottom, as shares of the sides.",
    )
    claims: tuple[Claim, ...] = ()

    @model_validator(mode="after")
    def _checked(self) -> ReportWanted:
        left, top, right, bottom = self.crop
        if left >= right or top >= bottom:
            raise ValueError(
                "nothing is left of the pictures: the crop is left, top, right, bottom"
            )
        return self


def check_wanted(wanted: ReportWanted, metrics: Sequence[str], names: Iterable[str]) -> None:
    """Whether a plan has what its report is about.

    Args:
        wanted: the report.
        metrics: of the plan.
        names: of its schemes and curves.

    Raises:
        ValueError: a metric or a scheme is not there.
    """
    numbers, known = (*ALWAYS, *metrics), tuple(dict.fromkeys(names))
    for figure in wanted.figures:
        _check("figure", figure.y, numbers)
    for claim in wanted.claims:
        _check("claim", claim.metric, numbers)
        for name in (*claim.ours, *claim.than):
            _check("claim", name, known)


def _check(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise ValueError(f"a {what} is about {name}, and the plan has {', '.join(known)}")


def without_rate(options: Mapping[str, Any]) -> dict[str, Any]:
    """A scheme's own settings but for those of its rate.

    Schemes that are the same without them are points of one curve.
    """
    return {name: value for name, value in options.items() if name not in RATE_OPTIONS}
