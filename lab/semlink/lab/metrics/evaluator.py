"""The metrics of one transmission, as a row of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from semlink.core.pictures import LabelMap, photo_digest
from semlink.lab.metrics.table import CLIP_MODEL, DEPTH_MODEL, Row, check_names, columns_of

if TYPE_CHECKING:
    from semlink.lab.metrics.views import View
    from semlink.lab.result import Result

REMEMBERED = 8  # photos whose maps and features are kept for their next transmission


class Evaluator:
    """Measures transmissions; the networks that its metrics need are loaded once, at the start.

    Args:
        names: keys of `METRICS`.
        device: as torch names it; None for the best there is.
        segmenter: that finds the maps of pictures: zoo name, folder or hub id.
        truth_taxonomy: classes of the data set's labels; None for the segmenter's own.
        depth_model: folder or hub id, for depth_error.
        clip_model: the same, for clip_alignment.

    Raises:
        InvalidInput: no such metric, a package is missing, or the segmenter's classes are of no
            known data set.
        NotFound: a network cannot be loaded.
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        device: str | None = None,
        segmenter: str = "segmenter-camvid",
        truth_taxonomy: str | None = None,
        depth_model: str = DEPTH_MODEL,
        clip_model: str = CLIP_MODEL,
    ) -> None:
        self.names = check_names(names)
        from semlink.lab.metrics.measures import NETWORKS
        from semlink.lab.metrics.networks import Networks

        self._networks = Networks(
            device=device, segmenter=segmenter, depth_model=depth_model, clip_model=clip_model
        )
        for needed in {NETWORKS[name] for name in self.names if name in NETWORKS}:
            getattr(self._networks, needed)
        self._truth_taxonomy = truth_taxonomy
        self._photos: dict[str, View] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """Every key that a row can have, in order."""
        return tuple(dict.fromkeys(key for name in self.names for key in columns_of(name)))

    def row(self, result: Result, truth: LabelMap | None = None) -> Row:
        """What can be measured of a transmission.

        Pictures are compared at the working size, before scaling to the photo's. A column is left
        out where there is nothing to measure: no picture came out, the scheme sends no map, or
        there are no labels.

        Args:
            result: of the transmission.
            truth: labels of the photo by hand, at any size of the same aspect.

        Raises:
            InvalidInput: a picture is too small for a metric, or maps of different classes meet
                that are not known in terms of each other.
        """
        from semlink.core.events import Reconstructed
        from semlink.lab.metrics.measures import MEASURES, Comparison
        from semlink.lab.metrics.views import View

        end = result.ending
        painted = end.working_picture if isinstance(end, Reconstructed) else None
        picture = None if painted is None else View(painted, self._networks)
        case = Comparison(result, self._in_our_classes(truth), picture, self._photo(result))
        row: Row = {}
        for name in self.names:
            row |= MEASURES[name](case)
        return row

    def _in_our_classes(self, truth: LabelMap | None) -> LabelMap | None:
        from semlink.lab.metrics.maps import in_classes_of

        if truth is None or not any(name.startswith("truth_") for name in self.names):
            return None
        taxonomy = self._networks.taxonomy
        return in_classes_of(truth, self._truth_taxonomy or taxonomy, taxonomy)

    def _photo(self, result: Result) -> View:
        """The photo at the working size, with what networks found in it so far."""
        from semlink.lab.metrics.views import View

        digest = photo_digest(result.working_photo)
        view = self._photos.pop(digest, None) or View(result.working_photo, self._networks)
        self._photos[digest] = view
        for oldest in list(self._photos)[:-REMEMBERED]:
            del self._photos[oldest]
        return view
