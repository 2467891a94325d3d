"""What a user can set for the medium."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from semlink.core.base_settings import Finite, Level, Settings
from semlink.core.errors import InvalidInput
from semlink.core.noise import NoiseKind, gesco_table_sigma
from semlink.core.phy.grid import OFDM_SYMBOLS_PER_SLOT, ResourceGrid

SPEED_OF_LIGHT_MPS = 299_792_458.0


class ChannelModel(StrEnum):
    """Which medium the frame crosses."""

    AWGN = "awgn"
    RAYLEIGH = "rayleigh"  # block fading
    RICIAN = "rician"  # block fading with a line of sight
    TDL_A = "tdl-a"  # tapped delay lines of 3GPP TR 38.901, over OFDM
    TDL_B = "tdl-b"
    TDL_C = "tdl-c"
    TDL_D = "tdl-d"
    TDL_E = "tdl-e"
    CDL_A = "cdl-a"  # clustered delay lines of 3GPP TR 38.901, over OFDM
    CDL_B = "cdl-b"
    CDL_C = "cdl-c"
    CDL_D = "cdl-d"
    CDL_E = "cdl-e"
    ERASURE = "erasure"  # packets lost one by one
    BURST = "burst"  # packets lost in runs (Gilbert)

    @property
    def needs_ofdm(self) -> bool:
        """Whether the gain differs from subcarrier to subcarrier."""
        return self.value.startswith(("tdl-", "cdl-"))


class ChannelSettings(Settings):
    """The medium, its noise, and the waveform that crosses it."""

    model: ChannelModel = Field(
        default=ChannelModel.AWGN, description=f"The medium: {', '.join(ChannelModel)}."
    )
    noise: NoiseKind = Field(
        default=NoiseKind.PSNR_DB, description="Unit in which the level is stated (core.noise)."
    )
    level: Level = Field(
        default=10.0,
        description="Noise level: -30 .. 200 dB, or inf for no noise; for sigma 0 .. 100.",
        examples=[10.0],
    )
    pilots: int | None = Field(
        default=None,
        ge=0,
        le=4096,
        description="Pilot symbols in time per slot of OFDM (14 symbols) or per coherence block, "
        "fewer than there are symbols; by default 2 in OFDM, and 8 in a coherence block if the "
        "receiver estimates the channel.",
        examples=[2],
    )
    coherence_uses: int = Field(
        default=256,
        ge=1,
        le=1 << 20,
        description="Channel uses that share one gain (rayleigh, rician); without OFDM also those "
        "that share pilots; 1 .. 1048576.",
        examples=[256],
    )
    k_factor: Finite = Field(
        default=4.0,
        ge=0.0,
        le=1e6,
        description="Power of the line of sight over that of all other paths (rician), a plain "
        "ratio, 0 .. 1e6.",
        examples=[4.0],
    )
    delay_spread_ns: Finite = Field(
        default=100.0,
        ge=0.0,
        le=5000.0,
        description="RMS delay spread (tdl, cdl), 0 .. 5000 ns.",
        examples=[100.0],
    )
    speed_mps: Finite = Field(
        default=1.0,
        ge=0.0,
        le=300.0,
        description="Speed of the receiver (tdl, cdl), 0 .. 300 m/s.",
        examples=[1.0],
    )
    carrier_ghz: Finite = Field(
        default=3.5,
        ge=0.5,
        le=100.0,
        description="Carrier frequency (tdl, cdl), 0.5 .. 100 GHz.",
        examples=[3.5],
    )
    subcarrier_spacing_khz: Finite = Field(
        default=30.0,
        ge=1.0,
        le=960.0,
        description="Subcarrier spacing of OFDM (tdl, cdl), 1 .. 960 kHz.",
        examples=[30.0],
    )
    subcarriers: int = Field(
        default=72,
        ge=12,
        le=3300,
        description="Subcarriers of OFDM (tdl, cdl), 12 .. 3300.",
        examples=[72],
    )
    erasure_rate: Finite = Field(
        default=0.1,
        ge=0.0,
        le=1.0,
        description="Share of the packets that are lost (erasure, burst), 0 .. 1.",
        examples=[0.1],
    )
    packet_uses: int = Field(
        default=256,
        ge=1,
        le=1 << 20,
        description="Channel uses of one packet (erasure, burst), 1 .. 1048576.",
        examples=[256],
    )
    burst_packets: Finite = Field(
        default=4.0,
        ge=1.0,
        le=1e6,
        description="Mean length of a run of lost packets (burst), 1 .. 1e6.",
        examples=[4.0],
    )

    @model_validator(mode="after")
    def _level_fits_its_kind(self) -> ChannelSettings:
        if self.noise is NoiseKind.GESCO_TABLE_DB:
            gesco_table_sigma(self.level)
        low, high = (0.0, 100.0) if self.noise is NoiseKind.SIGMA else (-30.0, 200.0)
        noiseless = self.noise is not NoiseKind.SIGMA and self.level == math.inf
        if not (low <= self.level <= high or noiseless):
            raise _invalid(
                f"the level is outside {low:g} .. {high:g}.",
                self.noise,
                f"{self.level:g}",
                "Use a level within it.",
            )
        return self

    @model_validator(mode="after")
    def _pilots_leave_room(self) -> ChannelSettings:
        rows = OFDM_SYMBOLS_PER_SLOT if self.model.needs_ofdm else self.coherence_uses
        if self.pilots is not None and self.pilots >= rows:
            raise _invalid(
                f"a slot has {rows} symbols; pilots would leave none for data.",
                "pilots",
                self.pilots,
                f"Use at most {rows - 1}.",
            )
        return self

    @model_validator(mode="after")
    def _bursts_are_possible(self) -> ChannelSettings:
        # Gilbert: a run ends with probability 1 / burst_packets and starts with probability
        # rate / (1 - rate) / burst_packets, which must not exceed one.
        if self.model is not ChannelModel.BURST or self.erasure_rate == 1.0:
            return self
        odds = self.erasure_rate / (1.0 - self.erasure_rate)
        if odds > self.burst_packets * (1.0 + 1e-9):
            raise _invalid(
                f"runs of {self.burst_packets:g} packets on average cannot lose that many.",
                "erasure_rate",
                self.erasure_rate,
                f"Lose less, or let the runs be {odds:g} packets or longer.",
            )
        return self

    @property
    def doppler_hz(self) -> float:
        """Largest Doppler shift."""
        return self.speed_mps * self.carrier_ghz * 1e9 / SPEED_OF_LIGHT_MPS

    def grid(self, *, estimated: bool) -> ResourceGrid | None:
        """How streams lie in time and frequency; None for symbols in mere sequence.

        Args:
            estimated: whether the receiver estimates the channel from pilots.

        Raises:
            InvalidInput: it does, and there are no pilots, or no symbols beside them.
        """
        if self.model.needs_ofdm:
            return ResourceGrid(
                rows=OFDM_SYMBOLS_PER_SLOT,
                subcarriers=self.subcarriers,
                pilots=self._pilots(estimated, 2, 2),
                subcarrier_spacing_hz=self.subcarrier_spacing_khz * 1e3,
                delay_spread_s=self.delay_spread_ns * 1e-9,
                doppler_hz=self.doppler_hz,
            )
        pilots = self._pilots(estimated, 8, 0)
        return ResourceGrid(self.coherence_uses, 1, pilots) if pilots else None

    def _pilots(self, estimated: bool, if_estimated: int, otherwise: int) -> int:
        default = if_estimated if estimated else otherwise
        pilots = default if self.pilots is None else self.pilots
        if estimated and not pilots:
            raise _invalid(
                "a channel cannot be estimated without pilots.",
                "pilots",
                0,
                "Use at least 1, or csi=perfect.",
            )
        if pilots >= self.coherence_uses and not self.model.needs_ofdm:
            raise _invalid(
                f"a coherence block has {self.coherence_uses} symbols; {pilots} pilots would "
                "leave none for data.",
                "pilots",
                pilots,
                "Use fewer, or a longer coherence.",
            )
        return pilots


def _invalid(message: str, field: str, value: Any, cure: str) -> InvalidInput:
    return InvalidInput(message, field=field, value=value, cure=cure)
