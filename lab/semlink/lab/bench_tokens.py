"""What SQ-GAN's tokens take in bytes on the wire, beside the published count of bits.

    semlink bench tokens
    semlink bench tokens CAMVID --network sqgan-camvid

The publication has no bitstream: it counts ten bits for each index that is sent and one for each
position of a grid (sample.py of github.com/frapez1/SQ-GAN). Here everything is counted that is
sent: the header with its control information and all bytes of the three payloads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from rich.table import Table

from semlink.core.codecs.tokens import IndexTable, IndexTables
from semlink.core.headers import FINGERPRINTS, TokensHeader
from semlink.core.message import BitsPayload
from semlink.core.phy.modulation import header_bytes
from semlink.core.phy.radio import Radio
from semlink.core.pictures import Size
from semlink.core.tokens import SentTokens
from semlink.lab.console import print_json, wide_console
from semlink.lab.data import open_labelled
from semlink.lab.photo_tokens import photo_tokens
from semlink.transmitter.schemes.sqgan import Scored

FRACTIONS = (0.05, 0.15, 0.4, 1.0)
CODES = 1024
TOKEN_SIDE = 16  # pixels
HEADERS = (  # of photos of Cityscapes, as published, and of CamVid, as by default
    TokensHeader(Size(1024, 2048), 256, FINGERPRINTS - 1),
    TokensHeader(Size(720, 960), 192, FINGERPRINTS - 1),
)
RANDOM_PHOTOS = 20
CORRELATION = 2.0  # length over which random scores are alike, in positions
ROUGHNESS = 0.3  # standard deviation of the noise on them, whose own is 1


@dataclass(frozen=True)
class Row:
    """Messages of one fraction of both grids; means over the photos.

    Attributes:
        grid: rows and columns of tokens.
        fraction: of them that is sent.
        published: bits as they were counted.
        header: bits of the header, control information included.
        mask: bits of the first payload.
        map: bits of the second.
        picture: bits of the third.
    """

    grid: str
    fraction: float
    published: int
    header: float
    mask: float
    map: float
    picture: float

    @property
    def sent(self) -> float:
        """All bits."""
        return self.header + self.mask + self.map + self.picture

    @property
    def saved(self) -> float:
        """Share of the published bits that is not needed."""
        return 1 - self.sent / self.published


def measure_photos(
    root: Path, *, network: str, segmenter: str, split: str, every: int, device: str | None
) -> list[Row]:
    """`measure` over the photos of CamVid.

    Args:
        root: CamVid's folder.
        network: whose tokens.
        segmenter: that finds the classes.
        split: train, val or test.
        every: each n-th photo is taken.
        device: as torch names it; None for the best there is.
    """
    source = open_labelled("camvid", root, split)
    photos = (source.photo(index) for index in range(0, len(source), every))
    scored = photo_tokens(photos, network=network, segmenter=segmenter, device=device)
    return measure(scored, bits_per_index=10)


def measure_random() -> list[Row]:
    """`measure` over random tokens whose scores are smooth, in both grids alike on no account."""
    return [row for one in HEADERS for row in measure(random_photos(one), bits_per_index=10)]


def measure(photos: Iterable[Scored], *, bits_per_index: int) -> list[Row]:
    """One row for each of `FRACTIONS`.

    Args:
        photos: their tokens; grids of one size.
        bits_per_index: as published.
    """
    photos = list(photos)
    return [_row(photos, fraction, bits_per_index) for fraction in FRACTIONS]


def random_photos(header: TokensHeader) -> Iterator[Scored]:
    """Codewords that are all alike likely, at random fields' highest places."""
    table = IndexTable.uniform(CODES)
    tables = IndexTables(table, table, header.fingerprint)
    grid = Size(*(side // TOKEN_SIDE for side in header.working))
    for seed in range(RANDOM_PHOTOS):
        generator = np.random.default_rng(seed)
        yield Scored(header, _tokens(grid, generator), _tokens(grid, generator), tables)


def tell(rows: Sequence[Row], *, json: bool) -> None:
    """Prints the rows on stdout."""
    if json:
        totals = ({"sent": row.sent, "saved": row.saved} for row in rows)
        print_json({"rows": [asdict(r) | t for r, t in zip(rows, totals, strict=True)]})
        return
    for grid in dict.fromkeys(row.grid for row in rows):
        table = Table("sent of both", title=f"Bits of {grid} tokens for map and picture each")
        for name in ("published", "sent", "saved", "header", "mask", "map", "picture"):
            table.add_column(name, justify="right")
        for row in (row for row in rows if row.grid == grid):
            table.add_row(f"{row.fraction:.0%}", *_cells(row))
        wide_console().print(table)


def _row(photos: Sequence[Scored], fraction: float, bits_per_index: int) -> Row:
    grid = photos[0].map.grid
    count = max(1, int(grid.pixels * fraction))
    parts = [fmean(column) for column in zip(*(_bits(p, count) for p in photos), strict=True)]
    published = 2 * (bits_per_index * count + grid.pixels)
    return Row(f"{grid.height}x{grid.width}", fraction, published, *parts)


def _bits(photo: Scored, count: int) -> tuple[int, ...]:
    """Of the header, then of each payload."""
    message = photo.message(count, count)
    payloads = [len(one.data) for one in message.payloads if isinstance(one, BitsPayload)]
    return tuple(8 * size for size in (header_bytes(message, Radio()), *payloads))


def _tokens(grid: Size, generator: np.random.Generator) -> SentTokens:
    """In the order of scores with a Gaussian correlation."""
    sides = [np.fft.fftfreq(2 * side) for side in grid]  # twice as large: nothing wraps around
    distance = np.hypot(*np.meshgrid(*sides, indexing="ij"))
    white = np.fft.fft2(generator.standard_normal(distance.shape))
    field = np.fft.ifft2(white * np.exp(-np.square(np.pi * CORRELATION * distance))).real
    field = field[: grid.height, : grid.width]
    scores = field / field.std() + ROUGHNESS * generator.standard_normal(grid)
    order = np.argsort(-scores, axis=None, kind="stable")
    return SentTokens(grid, CODES, order, generator.integers(0, CODES, grid.pixels))


def _cells(row: Row) -> tuple[str, ...]:
    parts = (row.header, row.mask, row.map, row.picture)
    return f"{row.published}", f"{row.sent:.0f}", f"{row.saved:.1%}", *(f"{p:.0f}" for p in parts)
