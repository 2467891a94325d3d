"""Data sets in the layouts they are published in: `open_data("camvid", root, "train")`."""

from semlink.lab.data.opening import KINDS, open_data, open_labelled
from semlink.lab.data.pictures import LabelledPictures, Pictures

__all__ = ["KINDS", "LabelledPictures", "Pictures", "open_data", "open_labelled"]
