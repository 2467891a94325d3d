from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Shaped

from semlink.core.errors import InternalError, InvalidInput, NotFound, TooLarge
from semlink.core.events import Event
from semlink.core.pictures import Rgb, decode_png, encode_png
from semlink.core.settings import TransmissionSettings
from semlink.lab.photo import Photo, PhotoSource
from semlink.lab.result import Result, result_from_events


def test_accuracy_is_the_share_of_equal_labels(make_result: Callable[..., Result]) -> None:
    result = make_result()

    assert result.received_accuracy == 0.75
    assert result.denoised_accuracy == 1.0


def test_every_second_belongs_to_one_stage(make_result: Callable[..., Result]) -> None:
    stages = make_result().stages_s

    assert stages["network"] == 1.2
    assert stages["sampler"] == pytest.approx(0.3)
    assert stages["elsewhere"] == pytest.approx(2.2 - 2.08)
    assert sum(stages.values()) == pytest.approx(2.2)


def test_a_notebook_shows_the_picture(make_result: Callable[..., Result]) -> None:
    result = make_result()

    np.testing.assert_array_equal(decode_png(result._repr_png_()), result.picture)


def test_a_transmission_that_lacks_an_event_is_no_result(
    make_result: Callable[..., Result], photo: Rgb
) -> None:
    whole = make_result()
    events: list[Event] = [whole.encoded, whole.propagated, whole.reconstructed]

    with pytest.raises(InternalError, match="Denoised"):
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
