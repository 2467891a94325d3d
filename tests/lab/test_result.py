from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Shaped
from skimage import metrics

from semlink.core.errors import InternalError, InvalidInput, NotFound, PictureLost, TooLarge
from semlink.core.events import (
    Demodulated,
    Encoded,
    Event,
    Outcome,
    Propagated,
    Reconstructed,
)
from semlink.core.pictures import Rgb, decode_png, encode_png
from semlink.core.settings import TransmissionSettings
from semlink.lab.photo import Photo, PhotoSource
from semlink.lab.result import Result, picture_psnr_db, result_from_events
from semlink.lab.streams import stream_table


def test_accuracy_is_the_share_of_equal_labels(make_result: Callable[..., Result]) -> None:
    result = make_result()

    assert result.received_accuracy == 0.75
    assert result.denoised_accuracy == 1.0


def test_schemes_without_a_map_have_no_accuracy(make_coded: Callable[..., Result]) -> None:
    result = make_coded()

    assert result.denoised is None
    assert result.received_accuracy is None
    assert result.denoised_accuracy is None


def test_every_second_belongs_to_one_stage(make_result: Callable[..., Result]) -> None:
    stages = make_result().stages_s

    assert stages["network"] == 0.1
    assert stages["sampler"] == pytest.approx(0.05)
    assert stages["demodulate"] == 0.03
    assert stages["elsewhere"] == pytest.approx(2.2 - 0.76)
    assert sum(stages.values()) == pytest.approx(2.2)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_stages_account_for_all_seconds_of_every_ending(
    make_result: Callable[..., Result], make_coded: Callable[..., Result], outcome: Outcome
) -> None:
    for result in (make_result(outcome=outcome), make_coded(outcome)):
        assert sum(result.stages_s.values()) == pytest.approx(result.total_s)


def test_without_networks_the_decoder_is_one_stage(make_coded: Callable[..., Result]) -> None:
    stages = make_coded().stages_s

    assert stages["decode"] == 0.15
    assert not {"segment", "denoise", "network", "sampler"} & set(stages)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_ending_says_the_outcome(make_coded: Callable[..., Result], outcome: Outcome) -> None:
    assert make_coded(outcome).outcome is outcome


@pytest.mark.parametrize(
    ("outcome", "name"), [(Outcome.LOST, "picture"), (Outcome.OUTAGE, "header")]
)
def test_a_lost_picture_is_an_error_that_names_what_was_lost(
    make_coded: Callable[..., Result], outcome: Outcome, name: str
) -> None:
    result = make_coded(outcome)

    with pytest.raises(PictureLost, match=f"outcome={outcome}.*{name}.*power.*mcs"):
        _ = result.picture
    assert result.psnr_db is None
    assert result._repr_png_() is None


def test_quality_is_that_of_the_working_picture(make_coded: Callable[..., Result]) -> None:
    result = make_coded()
    found, wanted = result.reconstructed.working_picture, result.working_photo

    independent = metrics.peak_signal_noise_ratio(wanted, found)  # type: ignore[no-untyped-call]
    assert result.psnr_db == pytest.approx(independent)


def test_no_difference_is_infinite_quality(photo: Rgb) -> None:
    assert picture_psnr_db(photo, photo) == math.inf


def test_white_for_black_is_0_db() -> None:
    black = np.zeros((2, 2, 3), np.uint8)

    assert picture_psnr_db(black, black + np.uint8(255)) == 0.0


def test_rates_are_per_pixel_of_the_working_picture(make_coded: Callable[..., Result]) -> None:
    result = make_coded()

    assert result.bits_per_pixel == 8 * (14 + 4321) / (64 * 96)
    assert result.channel_uses_per_pixel == (500 + 17_300) / (64 * 96)


def test_every_stream_has_its_cost_its_draw_and_its_verdict(
    make_coded: Callable[..., Result],
) -> None:
    header, picture = make_coded(Outcome.PARTIAL).streams

    assert (header.name, header.payload_bytes, header.blocks_lost) == ("header", 14, 0)
    assert (picture.mcs, picture.code_rate, picture.channel_uses) == ("16qam-1/2", 0.49, 17_300)
    assert (picture.blocks, picture.blocks_lost, picture.lost) == (7, 2, False)
    assert (picture.measured_snr_db, picture.measured_gain_db) == (2.25, -1.5)


def test_nothing_is_decoded_behind_a_lost_header(
    make_result: Callable[..., Result], make_coded: Callable[..., Result]
) -> None:
    for result in (make_result(outcome=Outcome.OUTAGE), make_coded(Outcome.OUTAGE)):
        header, payload = result.streams

        assert (header.blocks_lost, header.lost) == (1, True)
        assert (payload.blocks_lost, payload.lost) == (None, True)
        assert stream_table(result.streams)["blocks lost"] == ["1 of 1", "not decoded"]


def test_a_notebook_shows_the_picture(make_result: Callable[..., Result]) -> None:
    result = make_result()
    shown = result._repr_png_()

    assert shown is not None
    np.testing.assert_array_equal(decode_png(shown), result.picture)


def events_of(result: Result) -> list[Event]:
    denoised = [result.denoised] if result.denoised else []
    return [result.encoded, result.propagated, result.demodulated, *denoised, result.ending]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_events_of_a_transmission_make_its_result(
    make_result: Callable[..., Result], make_coded: Callable[..., Result], outcome: Outcome
) -> None:
    for whole in (make_result(outcome=outcome), make_coded(outcome)):
        found = result_from_events(whole.source, whole.settings, events_of(whole), whole.total_s)

        assert found is not whole
        assert vars(found) == vars(whole)


@pytest.mark.parametrize("kind", [Encoded, Propagated, Demodulated, Reconstructed])
def test_a_transmission_that_lacks_an_event_is_no_result(
    make_result: Callable[..., Result], photo: Rgb, kind: type[Event]
) -> None:
    events = [event for event in events_of(make_result()) if not isinstance(event, kind)]

    with pytest.raises(InternalError, match=kind.__name__):
        result_from_events(Photo(photo), TransmissionSettings(), events, 1.0)


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "array"])
def test_every_source_gives_the_same_pixels_and_a_file(
    kind: str, photo: Rgb, photo_file: Path
) -> None:
    sources: dict[str, PhotoSource] = {
        "path": photo_file,
        "text": str(photo_file),
        "bytes": photo_file.read_bytes(),
        "array": photo,
    }

    found = Photo(sources[kind])

    np.testing.assert_array_equal(found.pixels, photo)
    assert found.file == encode_png(photo)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(NotFound, match=r"nowhere\.jpg"):
        _ = Photo("nowhere.jpg").file


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(TooLarge):
        _ = Photo(path).file


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((64, 64, 4), np.uint8), np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3))],
    ids=["rgba", "grey", "float"],
)
def test_an_array_must_be_rgb(pixels: Shaped[np.ndarray, "..."]) -> None:
    with pytest.raises(InvalidInput, match="uint8"):
        _ = Photo(pixels).pixels
