from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from semlink.core.base_settings import validated
from semlink.core.channel_settings import ChannelSettings
from semlink.core.choices import Csi, Denoiser, Sampler
from semlink.core.errors import InvalidInput
from semlink.core.noise import NoiseKind
from semlink.core.presets import PAPER
from semlink.core.schemes import Scheme
from semlink.core.settings import (
    PhotoSettings,
    ReceiverSettings,
    TransmissionSettings,
    settings_from_fields,
)
from semlink.core.taxonomy import TAXONOMIES

RANGES = {
    "steps": (1, 1000),
    "preview_steps": (0, 1000),
    "min_region_px": (0, 1000),
    "size": (64, 512),
    "seed": (0, 2**63 - 1),
}


def test_no_field_gives_the_defaults() -> None:
    assert settings_from_fields({}) == TransmissionSettings()
    assert settings_from_fields({"steps": None, "psnr_db": None}) == TransmissionSettings()


def test_flat_names_reach_their_part() -> None:
    fields = {
        "scheme": "gesco", "segmenter": "my/segmenter", "size": "256", "seed": 7,
        "channel": "awgn", "sigma": "0.5", "network": "./net"[2:], "sampler": "ddim",
        "steps": "20", "guidance": 1.5, "denoiser": "none", "preview_steps": 4,
        "csi": "estimated", "pilots": "4", "cpp": "0.5", "mcs": "qpsk-1/2",
    }  # fmt: skip
    settings = settings_from_fields(fields)
    assert (settings.segmenter, settings.size, settings.seed) == ("my/segmenter", 256, 7)
    assert (settings.cpp, settings.mcs) == (0.5, "qpsk-1/2")
    assert settings.channel == ChannelSettings(noise=NoiseKind.SIGMA, level=0.5, pilots=4)
    assert settings.receiver == ReceiverSettings(
        network="net", sampler=Sampler.DDIM, steps=20, guidance=1.5,
        denoiser=Denoiser.NONE, preview_steps=4, csi=Csi.ESTIMATED,
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


@pytest.mark.parametrize("size", [65, 200, 500])
def test_sizes_are_multiples(size: int) -> None:
    with pytest.raises(InvalidInput, match=f"size={size}: .*multiple of 32"):
        settings_from_fields({"size": size})


@pytest.mark.parametrize("name", TAXONOMIES)
def test_label_maps_can_be_of_any_known_classes(name: str) -> None:
    assert settings_from_fields({"taxonomy": name}).taxonomy == name


def test_unknown_classes_are_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"taxonomy=middle-earth.*camvid, cityscapes"):
        settings_from_fields({"taxonomy": "middle-earth"})


@pytest.mark.parametrize("name", ["network", "segmenter"])
@pytest.mark.parametrize("value", ["", "/etc", "../up", "-x", "a b", "a\n", "x" * 201, 5])
def test_names_of_networks(name: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=name):
        settings_from_fields({name: value})


@pytest.mark.parametrize(
    "name", ["scheme", "channel", "sampler", "denoiser", "preset", "transport", "csi"]
)
@pytest.mark.parametrize("value", ["none such", [], 3])
def test_choices(name: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        settings_from_fields({name: value})
    assert (caught.value.field, caught.value.value) == (name, repr(value))
    assert caught.value.cure


@pytest.mark.parametrize("name", ["bpp", "cpp"])
def test_budgets(name: str) -> None:
    for budget in (1e-9, 0.5, 64):
        assert getattr(settings_from_fields({name: budget}), name) == budget
    wrong: list[object] = [0, -1, 64.1, math.nan, math.inf, "nan", "much"]
    for value in wrong:
        with pytest.raises(InvalidInput) as caught:
            settings_from_fields({name: value})
        assert (caught.value.field, caught.value.value) == (name, repr(value))


def test_two_budgets_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"bpp, cpp=1, 0.5: two budgets.*Keep one"):
        settings_from_fields({"bpp": 1, "cpp": 0.5})


@pytest.mark.parametrize(
    "text", ["", "16qam-1/2", " map = qpsk-1/2 , 64qam-2/3", "header=qpsk-1/3", ","]
)
def test_modulation_and_coding_schemes(text: str) -> None:
    assert settings_from_fields({"mcs": text}).mcs == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("16qam", "qpsk-1/5, qpsk-1/3"),
        ("16QAM-1/2", "Use one of"),
        ("map=", "Use one of"),
        ("map:qpsk-1/2", "Use one of"),
        ("qpsk-1/2,16qam-1/2", "the default has two"),
        ("map=qpsk-1/2,map=qpsk-1/2", "map has two"),
        ("x" * 401, "at most 400"),
    ],
)
def test_modulation_and_coding_schemes_that_do_not_exist(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        settings_from_fields({"mcs": text})
    assert caught.value.field == "mcs"
    assert text[:70] in caught.value.value
    assert caught.value.cure


def test_no_two_parts_share_a_name() -> None:
    parts = (PhotoSettings, ReceiverSettings, ChannelSettings)
    names = [name for part in parts for name in part.model_fields]
    assert len(names) == len(set(names))
    assert not set(names) & {*NoiseKind, "channel", "receiver"}


@pytest.mark.parametrize("preset", PAPER)
def test_a_preset_gives_way_to_what_is_stated(preset: Scheme) -> None:
    given = settings_from_fields({"preset": "paper", "scheme": preset, "steps": 5})
    assert given.receiver.steps == 5
    published = PAPER[preset]
    for name in set(published) - {"steps"}:
        found = getattr(given, name, None) or getattr(given.receiver, name)
        assert found == published[name]


def test_the_channel_and_the_receiver_fit_each_other() -> None:
    assert settings_from_fields({}).grid is None
    grid = settings_from_fields({"csi": "estimated"}).grid
    assert grid is not None
    assert grid.pilots == 8
    with pytest.raises(InvalidInput, match="pilots=0"):
        settings_from_fields({"csi": "estimated", "pilots": 0})


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
        (TransmissionSettings, {"steps": 1}),
    ],
)
def test_unknown_fields_are_refused(model: type[Any], values: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        validated(model, values)
    assert caught.value.field == next(iter(values))
    assert ", ".join(model.model_fields) in caught.value.cure


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        TransmissionSettings().seed = 3


def test_a_long_value_is_cut() -> None:
    with pytest.raises(InvalidInput) as caught:
        settings_from_fields({"network": "x" * 10_000})
    assert len(str(caught.value)) < 500
