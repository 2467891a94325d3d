"""Scoring a diffusion network over the link: with small networks that know nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from semlink.core.pictures import Size
from semlink.core.settings import settings_from_fields
from semlink.lab.confusion import VOID, count_pairs
from semlink.lab.data import LabelledPictures
from semlink.lab.link import Link
from semlink.lab.training.score import score
from semlink.transmitter.segmentation import Segmenter

FIELDS = {"segmenter": "tiny-segmenter", "network": "tiny-gesco", "size": 64, "steps": 2}


def test_every_pixel_is_counted_where_it_was_sent_and_found(
    data: LabelledPictures, tiny_segmenter: Path, tiny_gesco: Path
) -> None:
    link = Link.local(device="cpu", folders=(tiny_segmenter, tiny_gesco))
    segmenter = Segmenter.load(str(tiny_segmenter))
    settings = settings_from_fields(FIELDS)
    counts = score(link, segmenter, data, [0, 2], settings)
    expected = np.zeros((VOID, VOID + 1), np.int64)
    for index in (0, 2):
        result = link.send(data.photo(index), settings)
        picture = result.reconstructed.working_picture
        found = segmenter.label_map(picture, Size(*picture.shape[:2]))
        for label in range(VOID):
            where = found[result.encoded.sent_map == label]
            expected[label] += [np.count_nonzero(where == other) for other in range(VOID + 1)]
    np.testing.assert_array_equal(counts, expected)


def test_void_is_not_asked_for() -> None:
    sent = np.array([[0, 3, VOID]], np.uint8)
    counts = count_pairs(sent, np.array([[0, VOID, 3]], np.uint8))
    assert counts.sum() == 2
    assert (counts[0, 0], counts[3, VOID]) == (1, 1)
