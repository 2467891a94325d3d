from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from semlink.core.errors import InvalidInput
from semlink.core.noise import GESCO_TABLE, NoiseKind
from semlink.core.settings import (
    ChannelSettings,
    Denoiser,
    PhotoSettings,
    ReceiverSettings,
    Sampler,
    TransmissionSettings,
    settings_from_fields,
    validated,
)

RANGES = {
    "steps": (1, 1000),
    "preview_steps": (0, 1000),
    "size": (64, 512),
    "seed": (0, 2**63 - 1),
}
LEVELS = {
    NoiseKind.PSNR_DB: (-30.0, 200.0),
    NoiseKind.SNR_DB: (-30.0, 200.0),
    NoiseKind.EBNO_DB: (-30.0, 200.0),
    NoiseKind.SIGMA: (0.0, 100.0),
}


def test_no_field_gives_the_defaults() -> None:
    assert settings_from_fields({}) == TransmissionSettings()
    assert settings_from_fields({"steps": None, "psnr_db": None}) == TransmissionSettings()


def test_flat_names_reach_their_part() -> None:
    fields = {
        "scheme": "gesco", "segmenter": "my/segmenter", "size": "256", "seed": 7,
        "channel": "awgn", "sigma": "0.5", "network": "./net"[2:], "sampler": "ddim",
        "steps": "20", "guidance": 1.5, "denoiser": "none", "preview_steps": 4,
    }  # fmt: skip
    settings = settings_from_fields(fields)
    assert (settings.segmenter, settings.size, settings.seed) == ("my/segmenter", 256, 7)
    assert settings.channel == ChannelSettings(noise=NoiseKind.SIGMA, level=0.5)
    assert settings.receiver == ReceiverSettings(
        network="net", sampler=Sampler.DDIM, steps=20, guidance=1.5,
        denoiser=Denoiser.NONE, preview_steps=4,
    )  # fmt: skip


@pytest.mark.parametrize("name", RANGES)
def test_whole_numbers_have_a_range(name: str) -> None:
    low, high = RANGES[name]
    for bound in (low, high):
        settings = settings_from_fields({name: bound})
        assert bound in (getattr(settings, name, None), getattr(settings.receiver, name, None))
    wrong: list[object] = [low - 1, high + 1, low + 0.5, "many", math.nan, math.inf]
    for value in wrong:
        with pytest.raises(InvalidInput) as caught:
            settings_from_fields({name: value})
        assert caught.value.field == name


@pytest.mark.parametrize("value", [-0.1, 20.1, math.nan, math.inf, "strong"])
def test_guidance_has_a_range(value: object) -> None:
    with pytest.raises(InvalidInput, match="guidance"):
        settings_from_fields({"guidance": value})


@pytest.mark.parametrize("kind", LEVELS)
def test_levels_have_a_range(kind: NoiseKind) -> None:
    low, high = LEVELS[kind]
    for level in (low, high):
        assert settings_from_fields({kind: level}).channel.level == level
    for level in (low - 0.01, high + 0.01, -math.inf):
        with pytest.raises(InvalidInput, match=f"{kind}=.*outside {low:g} .. {high:g}"):
            settings_from_fields({kind: level})
    for value in (math.nan, "nan", "loud"):
        with pytest.raises(InvalidInput) as caught:
            settings_from_fields({kind: value})
        assert caught.value.cure


def test_only_a_sigma_cannot_be_infinite() -> None:
    for kind in (NoiseKind.PSNR_DB, NoiseKind.SNR_DB, NoiseKind.EBNO_DB):
        assert settings_from_fields({kind: "inf"}).channel.level == math.inf
    with pytest.raises(InvalidInput, match="sigma=inf"):
        settings_from_fields({"sigma": "inf"})


@given(st.floats(-30, 200).filter(lambda level: level not in GESCO_TABLE))
def test_the_table_has_its_own_levels_only(level: float) -> None:
    with pytest.raises(InvalidInput, match="no such level"):
        settings_from_fields({"gesco_table_db": level})


@pytest.mark.parametrize("level", GESCO_TABLE)
def test_levels_of_the_table(level: float) -> None:
    assert settings_from_fields({"gesco_table_db": level}).channel.level == level


@pytest.mark.parametrize("size", [65, 200, 500])
def test_sizes_are_multiples(size: int) -> None:
    with pytest.raises(InvalidInput, match=f"size={size}: .*multiple of 32"):
        settings_from_fields({"size": size})


@pytest.mark.parametrize("name", ["network", "segmenter"])
@pytest.mark.parametrize("value", ["", "/etc", "../up", "-x", "a b", "a\n", "x" * 201, 5])
def test_names_of_networks(name: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=name):
        settings_from_fields({name: value})


@pytest.mark.parametrize("name", ["scheme", "channel", "sampler", "denoiser"])
def test_choices(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        settings_from_fields({name: "none such"})
    assert "none such" in str(caught.value)


def test_two_noise_levels_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"noise=psnr_db, sigma: more than one"):
        settings_from_fields({"psnr_db": 10, "sigma": 0.1})


@pytest.mark.parametrize("name", ["psnr", "level", "noise", "model", "receiver", "Steps", ""])
def test_unknown_names_are_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"no such setting.*psnr_db.*steps"):
        settings_from_fields({name: 1})


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (ReceiverSettings, {"step": 3}),
        (PhotoSettings, {"channel": {}}),
        (ChannelSettings, {"x": 1}),
    ],
)
def test_unknown_fields_are_refused(model: type[Any], values: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        validated(model, values)
    assert caught.value.field == next(iter(values))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        TransmissionSettings().seed = 3


def test_a_long_value_is_cut() -> None:
    with pytest.raises(InvalidInput) as caught:
        settings_from_fields({"network": "x" * 10_000})
    assert len(str(caught.value)) < 500
