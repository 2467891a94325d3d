from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from semlink.core.base_settings import validated
from semlink.core.channel_settings import ChannelModel, ChannelSettings
from semlink.core.errors import InvalidInput
from semlink.core.noise import GESCO_TABLE, NoiseKind
from semlink.core.phy.grid import ResourceGrid
from semlink.core.settings import PhotoSettings, ReceiverSettings, settings_from_fields

LEVELS = {
    NoiseKind.PSNR_DB: (-30.0, 200.0),
    NoiseKind.SNR_DB: (-30.0, 200.0),
    NoiseKind.EBNO_DB: (-30.0, 200.0),
    NoiseKind.SIGMA: (0.0, 100.0),
}
RANGES: dict[str, tuple[float, float]] = {
    "coherence_uses": (1, 1 << 20),
    "k_factor": (0.0, 1e6),
    "delay_spread_ns": (0.0, 5000.0),
    "speed_mps": (0.0, 300.0),
    "carrier_ghz": (0.5, 100.0),
    "subcarrier_spacing_khz": (1.0, 960.0),
    "subcarriers": (12, 3300),
    "erasure_rate": (0.0, 1.0),
    "packet_uses": (1, 1 << 20),
    "burst_packets": (1.0, 1e6),
}


@pytest.mark.parametrize("kind", LEVELS)
def test_levels_have_a_range(kind: NoiseKind) -> None:
    low, high = LEVELS[kind]
    for level in (low, high):
        assert settings_from_fields({kind: level}).channel.level == level
    for level in (low - 0.01, high + 0.01, -math.inf):
        with pytest.raises(InvalidInput, match=f"{kind}=.*outside {low:g} .. {high:g}"):
            settings_from_fields({kind: level})
    for value in (math.nan, "nan", "loud", [1]):
        with pytest.raises(InvalidInput) as caught:
            settings_from_fields({kind: value})
        assert caught.value.field == kind
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


def test_every_number_has_a_tested_range() -> None:
    others = {"model", "noise", "level", "pilots"}
    assert set(RANGES) == set(ChannelSettings.model_fields) - others


@pytest.mark.parametrize("name", RANGES)
def test_ranges(name: str) -> None:
    low, high = RANGES[name]
    for bound in (low, high):
        settings = validated(ChannelSettings, {name: bound})
        assert getattr(settings, name) == bound
    wrong: list[object] = [low - 0.01, high + 1, -1, math.nan, math.inf, -math.inf, "much", None]
    for value in wrong:
        with pytest.raises(InvalidInput) as caught:
            validated(ChannelSettings, {name: value})
        assert (caught.value.field, caught.value.value) == (name, repr(value))
        assert caught.value.cure.startswith("Wanted: ")


@pytest.mark.parametrize("model", [ChannelSettings, PhotoSettings, ReceiverSettings])
def test_no_real_number_may_be_nan(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        if "float" in str(field.annotation):
            for value in (math.nan, -math.inf):
                with pytest.raises(InvalidInput):
                    validated(model, {name: value})  # type: ignore[type-var]


@pytest.mark.parametrize("model", ChannelModel)
def test_grids(model: ChannelModel) -> None:
    settings = ChannelSettings(model=model, coherence_uses=100, pilots=3, speed_mps=30.0)
    grid = settings.grid(estimated=True)
    assert grid is not None
    assert grid == settings.grid(estimated=False)
    if model.needs_ofdm:
        assert (grid.rows, grid.subcarriers, grid.pilots, grid.is_ofdm) == (14, 72, 3, True)
        assert grid.subcarrier_spacing_hz == 30e3
        assert grid.delay_spread_s == pytest.approx(100e-9)
        assert grid.doppler_hz == pytest.approx(30 / 299_792_458 * 3.5e9)
    else:
        assert grid == ResourceGrid(100, 1, 3)


def test_pilots_are_there_where_they_are_needed() -> None:
    fading = ChannelSettings(model=ChannelModel.RAYLEIGH)
    ofdm = ChannelSettings(model=ChannelModel.TDL_A)
    assert fading.grid(estimated=False) is None
    assert fading.grid(estimated=True) == ResourceGrid(256, 1, 8)
    for estimated in (False, True):
        grid = ofdm.grid(estimated=estimated)
        assert grid is not None
        assert grid.pilots == 2
    none = ChannelSettings(pilots=0)
    assert none.grid(estimated=False) is None
    with pytest.raises(InvalidInput, match=r"pilots=0: .*estimated without.*csi=perfect"):
        none.grid(estimated=True)


@pytest.mark.parametrize(
    ("fields", "most"),
    [
        ({"channel": "tdl-c"}, 13),
        ({"channel": "tdl-c", "coherence_uses": 5}, 13),
        ({"channel": "rician"}, 255),
        ({"coherence_uses": 5}, 4),
        ({"coherence_uses": 1}, 0),
        ({"coherence_uses": 10_000}, 4096),
    ],
)
def test_pilots_leave_room_for_data(fields: dict[str, object], most: int) -> None:
    assert settings_from_fields(fields | {"pilots": most}).channel.pilots == most
    for pilots in (most + 1, -1, 1 << 40):
        with pytest.raises(InvalidInput) as caught:
            settings_from_fields(fields | {"pilots": pilots})
        assert (caught.value.field, caught.value.value) == ("pilots", str(pilots))
        assert caught.value.cure


def test_the_default_pilots_need_room_too() -> None:
    assert settings_from_fields({"csi": "estimated", "coherence_uses": 9}).grid
    with pytest.raises(InvalidInput, match=r"pilots=8: .*8 symbols.*longer coherence"):
        settings_from_fields({"csi": "estimated", "coherence_uses": 8})


@given(st.floats(1, 1e6))
def test_bursts_can_lose_no_more_than_their_length_allows(run: float) -> None:
    most = run / (1 + run)  # every run of arrivals is one packet long
    fields = {"channel": "burst", "burst_packets": run}
    assert settings_from_fields(fields | {"erasure_rate": most}).channel.erasure_rate == most
    assert settings_from_fields(fields | {"erasure_rate": 1}).channel.erasure_rate == 1
    more = most + 0.001 * (1 - most)
    with pytest.raises(InvalidInput, match=r"erasure_rate=.*packets or longer"):
        settings_from_fields(fields | {"erasure_rate": more})
    assert settings_from_fields(fields | {"erasure_rate": more, "channel": "erasure"})
