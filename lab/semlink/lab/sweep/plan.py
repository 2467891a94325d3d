"""What a sweep is made of: photos x schemes x channels x levels x budgets x seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, model_validator

from semlink.core.base_settings import Level, Settings, validated
from semlink.core.errors import InvalidInput, NotFound
from semlink.core.noise import NoiseKind
from semlink.lab.data import KINDS
from semlink.lab.sweep.wanted import ReportWanted, check_wanted, without_rate

Fields = dict[str, Any]
"""Settings by their flat names, see `settings_from_fields`; with a `name` of one's own or not."""


class Photos(Settings):
    """Where photos come from."""

    path: str = Field(
        description="A picture, a folder of pictures, a pattern as in photos/*.jpg, or with a "
        "layout a data set's folder; ~ and $NAME are replaced."
    )
    layout: str = Field(
        default="",
        description=f"How a data set lies in its folder: {', '.join(KINDS)}; none for pictures.",
    )
    split: str = Field(default="", description="Of the data set: train, val or test.")
    count: int | None = Field(
        default=None, ge=1, description="How many, spread evenly over all there are."
    )


def _photos(given: object) -> object:
    """Photos from a text: a path, or LAYOUT:PATH:SPLIT:COUNT, of which the end can be left out."""
    if not isinstance(given, str):
        return given
    layout, *rest = given.split(":")
    if layout not in KINDS or not rest:
        return {"path": given}
    return {"layout": layout} | dict(zip(("path", "split", "count"), rest, strict=False))


def _choice(first: str) -> BeforeValidator:
    """Settings from a text, as in `spic,steps=50`; its first word is the setting `first`."""

    def parse(given: object) -> object:
        if not isinstance(given, str):
            return given
        head, *others = given.split(",")
        pairs = [text.partition("=")[::2] for text in others]
        return {first: head.strip()} | {name.strip(): _value(text) for name, text in pairs}

    return BeforeValidator(parse)


def _value(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _many(given: object) -> object:
    """A list where there is one thing; a text of several has commas between them."""
    if isinstance(given, str):
        return given.split(",")
    return given if isinstance(given, list | tuple) else [given]


def _several(given: object) -> object:
    """A list of one where there is one thing."""
    return given if isinstance(given, list | tuple) else [given]


def _seeds(given: object) -> object:
    """A number of seeds is that many from 0 on."""
    count = int(given) if isinstance(given, str) and given.isdecimal() else given
    if not isinstance(count, int):
        return _many(given)
    if not 1 <= count <= MOST_SEEDS:
        raise ValueError(f"there can be 1 .. {MOST_SEEDS} seeds")
    return range(count)


MOST_SEEDS = 1_000_000
Levels = Annotated[tuple[Level, ...], BeforeValidator(_many), Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, le=(1 << 63) - 1)]


class Plan(Settings):
    """A sweep: every photo with every scheme, channel, level, budget and seed.

    Schemes and channels are settings that go together; where two say the same, the scheme's goes
    before the common settings, and the channel's before both.
    """

    photos: Annotated[
        tuple[Annotated[Photos, BeforeValidator(_photos)], ...], BeforeValidator(_several)
    ] = Field(min_length=1, description="Pictures, folders, patterns, or LAYOUT:PATH:SPLIT:COUNT.")
    schemes: Annotated[
        tuple[Annotated[Fields, _choice("scheme")], ...], BeforeValidator(_several)
    ] = Field(
        default=({"scheme": "gesco"},),
        min_length=1,
        description="Schemes, each with settings of its own, as in spic,steps=50.",
    )
    channels: Annotated[
        tuple[Annotated[Fields, _choice("channel")], ...], BeforeValidator(_several)
    ] = Field(
        default=({"channel": "awgn"},),
        min_length=1,
        description="Channels, each with settings of its own, as in rayleigh,csi=estimated.",
    )
    levels: dict[NoiseKind, Levels] = Field(
        default={NoiseKind.PSNR_DB: (10.0,)},
        min_length=1,
        description=f"Noise levels by their kind: {', '.join(NoiseKind)}.",
    )
    budgets: dict[Literal["bpp", "cpp"], Levels] = Field(
        default={}, description="Budgets by their kind: bpp, cpp; none for no limit."
    )
    seeds: Annotated[tuple[Seed, ...], BeforeValidator(_seeds)] = Field(
        default=(0,), min_length=1, description="Seeds, or how many of them from 0 on."
    )
    settings: Fields = Field(default={}, description="Settings that all schemes share.")
    metrics: Annotated[tuple[str, ...], BeforeValidator(_many)] = Field(
        default=(), description="Beside what every row says; see semlink sweep --help."
    )
    evaluation: dict[Literal["segmenter", "depth_model", "clip_model"], str] = Field(
        default={},
        description="Networks that the metrics use: segmenter, depth_model, clip_model.",
    )
    stop_when: dict[str, Annotated[float, Field(gt=0.0)]] = Field(
        default={},
        description="Half-width of the 95 % interval of a column's mean, above 0, below which a "
        "point of the grid gets no more transmissions, as in psnr_db: 0.2.",
    )
    report: ReportWanted = Field(
        default=ReportWanted(), description=f"Any of {', '.join(ReportWanted.model_fields)}."
    )

    @model_validator(mode="after")
    def _reportable(self) -> Plan:
        named = [choice_name(choice, "scheme") for choice in self.schemes]
        curves = [curve_name(choice) for choice in self.schemes]
        check_wanted(self.report, self.metrics, [*named, *curves])
        return self


def read_plan(path: Path, changes: Mapping[str, Any] | None = None) -> Plan:
    """A plan from a YAML file.

    Args:
        path: of the file.
        changes: fields that go before the file's.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is no YAML, or the plan has an unknown field or a wrong value.
    """
    if not path.is_file():
        raise NotFound("there is no such file.", field="plan", value=path, cure="Check the path.")
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InvalidInput(f"that is no YAML: {reason}.", field="plan", value=path) from error
    if not isinstance(given, dict):
        raise InvalidInput(
            "that is no plan.", field="plan", value=path, cure=f"Wanted: {_names(Plan)}, by name."
        )
    return make_plan(given | dict(changes or {}))


def make_plan(fields: Mapping[str, Any]) -> Plan:
    """A plan from its fields.

    Raises:
        InvalidInput: an unknown field or a wrong value.
    """
    if not fields.get("photos"):
        raise InvalidInput(
            "there is nothing to send.", field="photos", cure="Name pictures or a data set."
        )
    return validated(Plan, fields)


def plan_text(plan: Plan) -> str:
    """The plan as YAML; `read_plan` makes the same plan of it."""
    text: str = yaml.safe_dump(plan.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return text


def choice_name(choice: Mapping[str, Any], first: str) -> str:
    """How rows name a scheme or a channel with its settings.

    Its own name, or else as in `spic,steps=50`.

    Args:
        choice: the settings.
        first: the one whose value stands alone.
    """
    if "name" in choice:
        return str(choice["name"])
    others = [f"{name}={value}" for name, value in choice.items() if name != first]
    head = [str(choice[first])] if first in choice else []
    return ",".join(head + others)


def curve_name(choice: Mapping[str, Any]) -> str:
    """What schemes share that differ in settings of their rate alone; else the scheme's name."""
    rest = without_rate(own_fields(choice))
    return choice_name(choice if rest == own_fields(choice) else rest, "scheme")


def own_fields(choice: Mapping[str, Any]) -> Fields:
    """The settings, without the name."""
    return {name: value for name, value in choice.items() if name != "name"}


def _names(model: type[Settings]) -> str:
    names: Iterable[str] = model.model_fields
    return ", ".join(names)
