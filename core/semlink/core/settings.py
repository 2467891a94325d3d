"""What a user can set for one transmission. Validated here, at the border, and passed whole."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from semlink.core.errors import InvalidInput
from semlink.core.noise import NoiseKind, gesco_table_sigma
from semlink.core.schemes import Scheme

MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$"
MULTIPLE = 32  # sides of the working picture; what the shipped networks need


class ChannelModel(StrEnum):
    """Which medium the frame crosses."""

    AWGN = "awgn"


class Sampler(StrEnum):
    """How the diffusion model walks from noise to the picture."""

    DDPM = "ddpm"
    DDIM = "ddim"
    DPM_SOLVER = "dpm-solver"  # DPM-Solver++ 2M


class Denoiser(StrEnum):
    """What is done to the received map before it conditions the diffusion model."""

    NONE = "none"
    FDS = "fds"  # the published block: 3x3 average, then 3x3 maximum


def _no_nan(value: float) -> float:
    if math.isnan(value):
        raise ValueError("it is not a number")
    return value


Level = Annotated[float, AfterValidator(_no_nan)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Settings(BaseModel):
    """Immutable; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_enum_values=False)


class ChannelSettings(Settings):
    """The medium and its noise.

    Attributes:
        model: the medium.
        noise: unit in which `level` is stated, see `core.noise`.
        level: -30 .. 200 dB or +infinity (no noise); for sigma 0 .. 100.
    """

    model: ChannelModel = ChannelModel.AWGN
    noise: NoiseKind = NoiseKind.PSNR_DB
    level: Level = 10.0

    @model_validator(mode="after")
    def _level_fits_its_kind(self) -> ChannelSettings:
        if self.noise is NoiseKind.GESCO_TABLE_DB:
            gesco_table_sigma(self.level)
        low, high = (0.0, 100.0) if self.noise is NoiseKind.SIGMA else (-30.0, 200.0)
        noiseless = self.noise is not NoiseKind.SIGMA and self.level == math.inf
        if not (low <= self.level <= high or noiseless):
            raise InvalidInput(
                f"the level is outside {low:g} .. {high:g}.",
                field=self.noise,
                value=f"{self.level:g}",
                cure="Use a level within it.",
            )
        return self


class ReceiverSettings(Settings):
    """How the picture is painted back.

    Attributes:
        network: zoo name or folder of the diffusion network.
        sampler: solver of the reverse process.
        steps: timesteps visited, 1 .. 1000.
        guidance: classifier-free guidance scale against the all-zero map, 0 .. 20.
        denoiser: of the received map.
        preview_steps: a preview every so many steps; 0 for none.
    """

    network: str = Field(default="gesco-camvid", pattern=MODEL_NAME)
    sampler: Sampler = Sampler.DPM_SOLVER
    steps: int = Field(default=12, ge=1, le=1000)
    guidance: Finite = Field(default=2.0, ge=0.0, le=20.0)
    denoiser: Denoiser = Denoiser.FDS
    preview_steps: int = Field(default=0, ge=0, le=1000)


class PhotoSettings(Settings):
    """What is made of the photo.

    Attributes:
        scheme: the system.
        segmenter: zoo name, folder or hub id of the segmentation network.
        size: short side of the working picture in pixels, 64 .. 512, a multiple of 32.
        seed: of every random draw; the same seed gives the same picture.
    """

    scheme: Scheme = Scheme.GESCO
    segmenter: str = Field(default="segmenter-camvid", pattern=MODEL_NAME)
    size: int = Field(default=192, ge=64, le=512, multiple_of=MULTIPLE)
    seed: int = Field(default=0, ge=0, le=(1 << 63) - 1)


class TransmissionSettings(PhotoSettings):
    """Everything a user can set for one photo.

    Attributes:
        channel: the medium.
        receiver: the reconstruction.
    """

    channel: ChannelSettings = ChannelSettings()
    receiver: ReceiverSettings = ReceiverSettings()


S = TypeVar("S", bound=Settings)


def validated(model: type[S], values: Mapping[str, Any]) -> S:
    """Builds settings; the first thing wrong becomes an error of ours.

    Raises:
        InvalidInput: with the field, the value and the cure.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInput(
            f"{first['msg'][:1].lower()}{first['msg'][1:]}.",
            field=".".join(str(part) for part in first["loc"]),
            value=repr(first["input"])[:80],
            cure="See the settings' documentation for what is allowed.",
        ) from error


def settings_from_fields(fields: Mapping[str, Any]) -> TransmissionSettings:
    """Settings from flat names, as a form or a command line has them.

    Names are those of `TransmissionSettings`, `ChannelSettings` and `ReceiverSettings`, `channel`
    for the medium, and instead of `noise` and `level` one of the kinds, as in `psnr_db=10`.

    Raises:
        InvalidInput: an unknown name, two noise levels, or a value out of range.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    channel = _channel_fields(given)
    receiver = {name: given.pop(name) for name in ReceiverSettings.model_fields if name in given}
    _refuse_unknown(given)
    return TransmissionSettings(
        **validated(PhotoSettings, given).model_dump(),
        channel=validated(ChannelSettings, channel),
        receiver=validated(ReceiverSettings, receiver),
    )


def _channel_fields(given: dict[str, Any]) -> dict[str, Any]:
    """Takes the channel's names out of `given`."""
    levels = {kind: given.pop(kind.value) for kind in NoiseKind if kind.value in given}
    if len(levels) > 1:
        raise InvalidInput(
            "more than one noise level is given.",
            field="noise",
            value=", ".join(levels),
            cure="Keep one of them.",
        )
    channel: dict[str, Any] = {"model": given.pop("channel")} if "channel" in given else {}
    for kind, level in levels.items():
        channel |= {"noise": kind, "level": level}
    return channel


def _refuse_unknown(given: Mapping[str, Any]) -> None:
    unknown = sorted(set(given) - set(PhotoSettings.model_fields))
    if unknown:
        known = [
            *PhotoSettings.model_fields,
            "channel",
            *NoiseKind,
            *ReceiverSettings.model_fields,
        ]
        raise InvalidInput(
            "there is no such setting.",
            field=unknown[0],
            value=str(given[unknown[0]])[:80],
            cure=f"Use {', '.join(known)}.",
        )
