from __future__ import annotations

import numpy as np
import pytest

from semlink.core.taxonomy import CAMVID, TAXONOMIES, Taxonomy

EVERY = list(TAXONOMIES.values())


@pytest.mark.parametrize("taxonomy", EVERY, ids=lambda taxonomy: taxonomy.name)
def test_every_class_has_a_name_and_a_colour_of_its_own(taxonomy: Taxonomy) -> None:
    assert taxonomy.palette.shape == (len(taxonomy.classes), 3)
    assert len(set(taxonomy.classes)) == len(taxonomy.classes)
    assert len({tuple(colour) for colour in taxonomy.palette}) == len(taxonomy.classes)


@pytest.mark.parametrize("taxonomy", EVERY, ids=lambda taxonomy: taxonomy.name)
def test_a_painted_map_can_be_read_back(taxonomy: Taxonomy) -> None:
    labels = np.random.default_rng(0).integers(len(taxonomy.classes), size=(7, 5)).astype(np.uint8)

    painted = taxonomy.colourise(labels)

    assert painted.shape == (7, 5, 3)
    distances = np.abs(painted[..., None, :].astype(int) - taxonomy.palette).sum(-1)
    np.testing.assert_array_equal(distances.argmin(-1), labels)
    assert (distances.min(-1) == 0).all()


def test_indices_without_a_class_are_black() -> None:
    painted = CAMVID.colourise(np.array([[255, 12]], np.uint8))

    assert not painted.any()


def test_palettes_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        CAMVID.palette[0] = 1


def test_camvid_is_indexed_as_its_files_are() -> None:
    assert CAMVID.classes.index("sky") == 0
    assert CAMVID.classes.index("road") == 3
    assert CAMVID.void is not None
    assert CAMVID.classes[CAMVID.void] == "void"
