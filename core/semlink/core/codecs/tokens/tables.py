"""How often each codeword occurs, as both ends must know it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from jaxtyping import Int64

from semlink.core.errors import CorruptData
from semlink.core.headers import FINGERPRINTS

FILE = "index-tables.safetensors"
TOTAL = 1 << 16
MOST_CODES = 1 << 14
PRIOR = 1.0  # occurrences that every codeword is granted beforehand, in all pictures together


@dataclass(frozen=True, eq=False)
class IndexTable:
    """The probability of each codeword, in units of 1 / TOTAL.

    Attributes:
        frequencies: each at least 1, TOTAL in all.
    """

    frequencies: Int64[np.ndarray, " codes"]

    @classmethod
    def learned(cls, counts: Int64[np.ndarray, " codes"]) -> IndexTable:
        """Of how often each codeword occurred.

        Every codeword keeps one unit, the rest is shared out in proportion to counts + PRIOR,
        what rounding leaves over by largest remainder.
        """
        weights = counts + PRIOR
        exact = weights / weights.sum() * (TOTAL - counts.size)
        shares = np.floor(exact).astype(np.int64)
        first = np.argsort(shares - exact, kind="stable")[: TOTAL - counts.size - shares.sum()]
        shares[first] += 1
        return cls(shares + 1)

    @classmethod
    def uniform(cls, codes: int) -> IndexTable:
        """All codewords alike, but for what rounding leaves over."""
        return cls.learned(np.zeros(codes, np.int64))

    @cached_property
    def plain(self) -> IndexTable:
        """That of a codebook of the same size whose codewords are all alike."""
        return IndexTable.uniform(self.codes)

    @property
    def codes(self) -> int:
        """Size of the codebook."""
        return int(self.frequencies.size)

    @property
    def bits(self) -> float:
        """Mean bits of an index that the table speaks the truth of."""
        shares = self.frequencies / TOTAL
        return float(-(shares * np.log2(shares)).sum())

    @cached_property
    def model(self) -> Any:
        """The range coder's; its probabilities are exact in floating point."""
        import constriction

        return constriction.stream.model.Categorical(self.frequencies / TOTAL, perfect=False)


@dataclass(frozen=True)
class IndexTables:
    """Those of both codebooks of a network.

    Attributes:
        map: of the map's tokens.
        picture: of the picture's.
        fingerprint: of the network's weights and of these, 0 .. FINGERPRINTS - 1; it travels, so
            that a receiver notices tokens of another network.
    """

    map: IndexTable
    picture: IndexTable
    fingerprint: int

    @classmethod
    def of(cls, folder: Path, map_codes: int, picture_codes: int) -> IndexTables:
        """Those that lie beside a network's weights; where there are none, all codewords alike.

        Raises:
            CorruptData: the file is something else, or of other codebooks.
        """
        path = folder / FILE
        if path.exists():
            of_map, of_picture = _read(path, {"map": map_codes, "picture": picture_codes})
        else:
            of_map, of_picture = map(IndexTable.uniform, (map_codes, picture_codes))
        return cls(of_map, of_picture, _fingerprint(folder))

    def save(self, folder: Path) -> None:
        """Puts them beside a network's weights."""
        from safetensors.numpy import save_file

        parts = {"map": self.map, "picture": self.picture}
        # One less than each frequency, so that TOTAL fits for a codebook of one codeword as well.
        held = {name: (t.frequencies - 1).astype(np.uint16) for name, t in parts.items()}
        save_file(held, folder / FILE)


def _fingerprint(folder: Path) -> int:
    checksum = 0
    for path in sorted(folder.glob("*.safetensors")):
        checksum = crc32(path.read_bytes(), checksum)
    return checksum % FINGERPRINTS


def _read(path: Path, codes: dict[str, int]) -> list[IndexTable]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        held = load_file(path)
        tables = [IndexTable(held[name].astype(np.int64) + 1) for name in codes]
        fit = all(held[name].dtype == np.uint16 for name in codes)
        fit &= [t.frequencies.shape for t in tables] == [(n,) for n in codes.values()]
        if not fit or any(table.frequencies.sum() != TOTAL for table in tables):
            raise ValueError("they are of other codebooks")
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise CorruptData(
            f"the tables of its indices cannot be read: {error}.",
            field="network",
            value=path.parent.name,
            cure=f"Remove {FILE} or train it again; both ends of the link need the same.",
        ) from error
    return tables
