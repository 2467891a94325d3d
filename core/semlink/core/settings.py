"""What a user can set for one transmission. Validated here, at the border, and passed whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from semlink.core.base_settings import MODEL_NAME, Finite, Settings, validated
from semlink.core.channel_settings import ChannelSettings
from semlink.core.choices import Csi, Denoiser, Preset, Sampler, Start, Transport
from semlink.core.errors import InvalidInput
from semlink.core.noise import NoiseKind
from semlink.core.phy.grid import ResourceGrid
from semlink.core.phy.mcs import protection
from semlink.core.presets import PAPER, RECEIVER_DEFAULTS, with_preset
from semlink.core.schemes import Scheme
from semlink.core.taxonomy import check_taxonomy

MULTIPLE = 32  # sides of the working picture; what the shipped networks need


class ReceiverSettings(Settings):
    """How the channel is undone and the picture painted back."""

    csi: Csi = Field(
        default=Csi.PERFECT,
        description="Channel state information: perfect, or estimated from pilots.",
    )
    network: str = Field(
        default="gesco-camvid",
        pattern=MODEL_NAME,
        description="Diffusion network: zoo name or folder, one that the receiver serves; "
        "spic-camvid where not set for spic, sgc-camvid for sgc.",
        examples=["gesco-camvid"],
    )
    sampler: Sampler = Field(
        default=Sampler.DPM_SOLVER, description="Solver of the reverse process."
    )
    steps: int = Field(
        default=12,
        ge=1,
        le=1000,
        description="Timesteps visited, 1 .. 1000; 20 where not set for spic and sgc.",
        examples=[12],
    )
    start: Start = Field(
        default=Start.NOISED,
        description="The coarse picture at the start (spic): noised, or clean (as published).",
    )
    start_timestep: int = Field(
        default=1000,
        ge=1,
        le=1000,
        description="Timesteps to go through from the coarse picture (spic: 200 where not set) or "
        "the colour map (sgc: 700), 1 .. 1000; 1000 starts from noise alone.",
        examples=[1000],
    )
    guidance: Finite = Field(
        default=2.0,
        ge=0.0,
        le=20.0,
        description="Classifier-free guidance scale against the all-zero map, 0 .. 20; 1.5 where "
        "not set for spic.",
        examples=[2.0],
    )
    denoiser: Denoiser = Field(
        default=Denoiser.POSTERIOR,
        description="Denoiser of the received map: none, fds (as published) or posterior.",
    )
    preview_steps: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="A preview every so many steps, 0 .. 1000; 0 for none.",
        examples=[0],
    )


class PhotoSettings(Settings):
    """What is made of the photo."""

    scheme: Scheme = Field(
        default=Scheme.GESCO, description=f"The communication system: {', '.join(Scheme)}."
    )
    preset: Preset = Field(
        default=Preset.SEMLINK,
        description="semlink, or paper: published defaults, and a header that is free.",
    )
    transport: Transport = Field(
        default=Transport.ANALOG,
        description="How the label map travels (gesco): analog, or digital (lossless bits).",
    )
    segmenter: str = Field(
        default="segmenter-camvid",
        pattern=MODEL_NAME,
        description="Segmentation network: zoo name, folder or hub id; the transmitter serves it.",
        examples=["segmenter-camvid"],
    )
    taxonomy: str | None = Field(
        default=None,
        description="Classes of the label map that is sent, as in camvid; a segmenter trained on "
        "others has its map converted; by default the segmenter's own.",
        examples=["camvid"],
    )
    min_region_px: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Connected regions of the label map below so many pixels take a label next "
        "to them before it is sent, 0 .. 1000; 0 sends the map as it is.",
        examples=[0],
    )
    size: int = Field(
        default=192,
        ge=64,
        le=512,
        multiple_of=MULTIPLE,
        description="Short side of the working picture: 64 .. 512 pixels, a multiple of 32.",
        examples=[192],
    )
    coarse_factor: int = Field(
        default=4,
        ge=2,
        le=16,
        description="Side of the working picture over that of the coarse one (spic), 2 .. 16.",
        examples=[4],
    )
    map_side: int = Field(
        default=32,
        ge=8,
        le=128,
        description="Short side of the label map that travels (sgc), 8 .. 128 pixels, at most "
        "that of the working picture.",
        examples=[32],
    )
    colour_side: int = Field(
        default=16,
        ge=4,
        le=32,
        description="Short side of the colour map (sgc), 4 .. 32 pixels.",
        examples=[16],
    )
    tokenizer: str = Field(
        default="sqgan-camvid",
        pattern=MODEL_NAME,
        description="Network that makes tokens (sqgan): zoo name or folder; the transmitter "
        "serves it, and the receiver needs the same.",
        examples=["sqgan-camvid"],
    )
    map_fraction: Finite = Field(
        default=0.4,
        gt=0.0,
        le=1.0,
        description="Share of the map's tokens that is sent (sqgan), up to 1; a budget scales "
        "it and that of the picture alike.",
        examples=[0.4],
    )
    picture_fraction: Finite = Field(
        default=0.4,
        gt=0.0,
        le=1.0,
        description="Share of the picture's tokens that is sent (sqgan), up to 1.",
        examples=[0.4],
    )
    bpp: Finite | None = Field(
        default=None,
        gt=0.0,
        le=64.0,
        description="Budget: bits per pixel of the working picture, header included, up to 64.",
        examples=[0.5],
    )
    cpp: Finite | None = Field(
        default=None,
        gt=0.0,
        le=64.0,
        description="Budget: channel uses per pixel of the working picture, header and pilots "
        "included, up to 64.",
        examples=[0.25],
    )
    mcs: str = Field(
        default="",
        max_length=400,
        description="Modulation and coding scheme of the payloads that travel as bits, as in "
        "16qam-1/2 or map=qpsk-1/2,picture=64qam-2/3; by default each scheme's own.",
        examples=["16qam-1/2"],
    )
    seed: int = Field(
        default=0,
        ge=0,
        le=(1 << 63) - 1,
        description="Seed of every random draw, 0 .. 2^63 - 1; the same seed, the same picture.",
        examples=[0],
    )

    @field_validator("taxonomy")
    @classmethod
    def _taxonomy_is_known(cls, name: str | None) -> str | None:
        if name is not None:
            check_taxonomy(name)
        return name

    @field_validator("mcs")
    @classmethod
    def _mcs_is_in_the_table(cls, text: str) -> str:
        try:
            protection(text)
        except InvalidInput as error:
            error.value = text[:80]
            raise
        return text

    @model_validator(mode="after")
    def _one_budget(self) -> PhotoSettings:
        if self.bpp is not None and self.cpp is not None:
            raise InvalidInput(
                "two budgets are given.",
                field="bpp, cpp",
                value=f"{self.bpp:g}, {self.cpp:g}",
                cure="Keep one of them.",
            )
        return self

    @model_validator(mode="after")
    def _preset_was_published(self) -> PhotoSettings:
        if self.preset is Preset.PAPER and self.scheme not in PAPER:
            raise InvalidInput(
                "there is no paper preset for this scheme.",
                field="preset",
                value=f"{Preset.PAPER}, scheme {self.scheme}",
                cure=f"Leave it out, or use scheme {', '.join(PAPER)}.",
            )
        return self


class TransmissionSettings(PhotoSettings):
    """Everything a user can set for one photo.

    What is not set of the receiver takes the scheme's default, see `RECEIVER_DEFAULTS`.
    """

    channel: ChannelSettings = Field(default=ChannelSettings(), description="The medium.")
    receiver: ReceiverSettings = Field(
        default=ReceiverSettings(), description="The reconstruction."
    )

    @model_validator(mode="after")
    def _receiver_suits_the_scheme(self) -> TransmissionSettings:
        own = RECEIVER_DEFAULTS.get(self.scheme, {})
        unset = {name: own[name] for name in own if name not in self.receiver.model_fields_set}
        if unset:
            completed = self.receiver.model_copy(update=unset)
            object.__setattr__(self, "receiver", completed)  # frozen for everyone else
        return self

    @model_validator(mode="after")
    def _channel_can_be_known(self) -> TransmissionSettings:
        _ = self.grid
        return self

    @property
    def grid(self) -> ResourceGrid | None:
        """How the streams lie in time and frequency; None for symbols in mere sequence."""
        return self.channel.grid(estimated=self.receiver.csi is Csi.ESTIMATED)


def settings_from_fields(fields: Mapping[str, Any]) -> TransmissionSettings:
    """Settings from flat names, as a form or a command line has them.

    Names are those of `TransmissionSettings`, `ChannelSettings` and `ReceiverSettings`, `channel`
    for the medium, and instead of `noise` and `level` one of the kinds, as in `psnr_db=10`.

    Raises:
        InvalidInput: an unknown name, two noise levels, or a value out of range.
    """
    given = with_preset({name: value for name, value in fields.items() if value is not None})
    channel = _channel_fields(given)
    receiver = {name: given.pop(name) for name in ReceiverSettings.model_fields if name in given}
    _refuse_unknown(given)
    photo = validated(PhotoSettings, given)
    return validated(
        TransmissionSettings,
        photo.model_dump()
        | {
            "channel": _channel_settings(channel),
            "receiver": validated(ReceiverSettings, receiver),
        },
    )


_PLAIN_CHANNEL_FIELDS = [
    name for name in ChannelSettings.model_fields if name not in ("model", "noise", "level")
]


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
    return channel | {name: given.pop(name) for name in _PLAIN_CHANNEL_FIELDS if name in given}


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
            *_PLAIN_CHANNEL_FIELDS,
            *ReceiverSettings.model_fields,
        ]
        raise InvalidInput(
            "there is no such setting.",
            field=unknown[0],
            value=str(given[unknown[0]])[:80],
            cure=f"Use {', '.join(known)}.",
        )
