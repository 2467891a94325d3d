"""Transmissions at a rate, or at the nearest that the scheme can reach for a photo."""

from __future__ import annotations

from functools import cache, partial

from semlink.core.codecs.table import CODECS
from semlink.core.errors import InvalidInput
from semlink.core.headers import PictureHeader
from semlink.core.phy.layouts import coded_layout
from semlink.core.phy.mcs import DEFAULT_MCS
from semlink.core.phy.modulation import sent_bytes
from semlink.core.phy.radio import Radio
from semlink.core.pictures import Size
from semlink.core.schemes import SEPARATE
from semlink.core.settings import TransmissionSettings
from semlink.core.taxonomy import CAMVID
from semlink.lab.link import Link
from semlink.lab.result import Result
from semlink.lab.semantic_score import View
from semlink.transmitter.schemes import ENCODERS
from semlink.transmitter.schemes.rate_search import fit
from semlink.transmitter.schemes.source import Scene, Source
from semlink.transmitter.sqgan.tokenizer import Tokenizer
from semlink.zoo import find

ROUND_UP = 0.5  # of a byte or channel use, against the rounding of a budget per pixel


def send_near(link: Link, view: View, settings: TransmissionSettings) -> Result:
    """Sends a photo at the budget of the settings, if there is one; else at the nearest rate.

    A budget in bits is refused where a codec has no file of that size, or a map alone takes more.
    An image codec then sends the largest file within the budget; where even the smallest takes
    more, as where a scheme has a map, the smallest message goes, whatever it takes.
    """
    try:
        return link.send(view.photo, settings)
    except InvalidInput as error:
        if error.field != "bpp":
            raise
    return link.send(view.photo, settings.model_copy(update=_reachable(view, settings)))


def _reachable(view: View, settings: TransmissionSettings) -> dict[str, float | None]:
    """The budget to grant instead."""
    working = Size(*view.picture.shape[:2])
    radio = Radio.of(settings, working)
    if settings.scheme in SEPARATE:
        uses = _codec_uses(view, settings, radio)
        return {"bpp": None, "cpp": (uses + ROUND_UP) / working.pixels}
    scene = Scene(view.found, CAMVID.name, len(CAMVID.classes))
    tokenizer = partial(_tokenizer, settings.tokenizer)
    source = Source(view.photo, working, settings, radio, lambda: scene, tokenizer)
    least_bytes = sent_bytes(ENCODERS[settings.scheme](source), radio)
    return {"bpp": 8 * (least_bytes + ROUND_UP) / working.pixels}


@cache
def _tokenizer(name: str) -> Tokenizer:
    return Tokenizer.load(find(name))


def _codec_uses(view: View, settings: TransmissionSettings, radio: Radio) -> int:
    """Channel uses, of which a codec may leave some unused, as it may not of bits."""
    photo, working = (Size(*picture.shape[:2]) for picture in (view.photo, view.picture))
    header_bytes = len(PictureHeader(photo, working, working).to_bytes())
    most_bytes = radio.most_payload_bytes(header_bytes, DEFAULT_MCS)
    assert most_bytes is not None, "a budget was refused"
    least_bytes = fit(CODECS[settings.scheme], view.picture, most_bytes).least_bytes
    payload = coded_layout(max(most_bytes, least_bytes), DEFAULT_MCS)
    header = radio.header_layout(header_bytes, [payload.payload_bytes])
    return payload.channel_uses + (header.channel_uses if header else 0)
