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
    """Immutable; unknown fields are refused.

    The fields' descriptions and examples are what forms, error messages and the OpenAPI page show.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_enum_values=False)


class ChannelSettings(Settings):
    """The medium and its noise."""

    model: ChannelModel = Field(default=ChannelModel.AWGN, description="The medium.")
    noise: NoiseKind = Field(
        default=NoiseKind.PSNR_DB, description="Unit in which the level is stated (core.noise)."
    )
    level: Level = Field(
        default=10.0,
        description="Noise level: -30 .. 200 dB, or inf for no noise; for sigma 0 .. 100.",
        examples=[10.0],
    )

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
    """How the picture is painted back."""

    network: str = Field(
        default="gesco-camvid",
        pattern=MODEL_NAME,
        description="Diffusion network: zoo name or folder, one that the receiver serves.",
        examples=["gesco-camvid"],
    )
    sampler: Sampler = Field(
        default=Sampler.DPM_SOLVER, description="Solver of the reverse process."
    )
    steps: int = Field(
        default=12, ge=1, le=1000, description="Timesteps visited, 1 .. 1000.", examples=[12]
    )
    guidance: Finite = Field(
        default=2.0,
        ge=0.0,
        le=20.0,
        description="Classifier-free guidance scale against the all-zero map, 0 .. 20.",
        examples=[2.0],
    )
    denoiser: Denoiser = Field(default=Denoiser.FDS, description="Denoiser of the received map.")
    preview_steps: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="A preview every so many steps, 0 .. 1000; 0 for none.",
        examples=[0],
    )


class PhotoSettings(Settings):
    """What is made of the photo."""

    scheme: Scheme = Field(default=Scheme.GESCO, description="The semantic communication system.")
    segmenter: str = Field(
        default="segmenter-camvid",
        pattern=MODEL_NAME,
        description="Segmentation network: zoo name, folder or hub id; the transmitter serves it.",
        examples=["segmenter-camvid"],
    )
    size: int = Field(
        default=192,
        ge=64,
        le=512,
        multiple_of=MULTIPLE,
        description="Short side of the working picture: 64 .. 512 pixels, a multiple of 32.",
        examples=[192],
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=(1 << 63) - 1,
        description="Seed of every random draw, 0 .. 2^63 - 1; the same seed, the same picture.",
        examples=[0],
    )


class TransmissionSettings(PhotoSettings):
    """Everything a user can set for one photo."""

    channel: ChannelSettings = Field(default=ChannelSettings(), description="The medium.")
    receiver: ReceiverSettings = Field(
        default=ReceiverSettings(), description="The reconstruction."
    )


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
        path = tuple(str(part) for part in first["loc"])
        raise invalid_input(model, path, first["msg"], first["input"]) from error


def invalid_input(
    model: type[BaseModel], path: tuple[str, ...], message: str, value: object
) -> InvalidInput:
    """The error of ours for a fault that pydantic found; its cure is the field's description.

    Args:
        model: whose fields were checked.
        path: name of the field, followed by where inside it the fault is.
        message: pydantic's, as in "Input should be less than or equal to 20".
        value: what was given.
    """
    known = model.model_fields.get(path[0]) if path else None
    wanted = (known.description if known else None) or "see the documentation of the settings."
    reason = message.removeprefix("Value error, ")
    return InvalidInput(
        f"{reason[:1].lower()}{reason[1:]}.",
        field=".".join(path),
        value=repr(value)[:80],
        cure=f"Wanted: {wanted[:1].lower()}{wanted[1:]}",
    )


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
        channel=_channel_settings(channel),
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


def _channel_settings(fields: Mapping[str, Any]) -> ChannelSettings:
    """Settings of the channel; errors speak of the flat names."""
    try:
        return validated(ChannelSettings, fields)
    except InvalidInput as error:
        flat = {"model": "channel", "level": str(fields.get("noise", NoiseKind.PSNR_DB))}
        error.field = flat.get(error.field, error.field)
        raise


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
