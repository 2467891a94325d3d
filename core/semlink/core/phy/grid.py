"""Time and frequency: where the data symbols and the pilots of a stream lie."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Complex64

OFDM_SYMBOLS_PER_SLOT = 14  # normal cyclic prefix, 3GPP TS 38.211
PILOT_SEED = 38211


@dataclass(frozen=True)
class ResourceGrid:
    """A slot: `rows` symbols in time on each of `subcarriers`, some rows being pilots.

    A slot of OFDM has 14 rows. A slot of one subcarrier is a coherence block of a single
    carrier.

    Attributes:
        rows: symbols in time per slot.
        subcarriers: symbols in frequency.
        pilots: rows of known symbols, 0 .. rows - 1, evenly spaced.
        subcarrier_spacing_hz: of OFDM; 0 for a single carrier, whose gain is constant in a slot.
        delay_spread_s: RMS delay spread for which the receiver's interpolation is designed.
        doppler_hz: largest Doppler shift for which it is designed.
    """

    rows: int
    subcarriers: int
    pilots: int
    subcarrier_spacing_hz: float = 0.0
    delay_spread_s: float = 0.0
    doppler_hz: float = 0.0

    @property
    def is_ofdm(self) -> bool:
        """Whether the rows are OFDM symbols."""
        return self.subcarrier_spacing_hz > 0.0

    @property
    def size(self) -> int:
        """Resource elements per slot."""
        return self.rows * self.subcarriers

    @property
    def data_size(self) -> int:
        """Data symbols per slot."""
        return (self.rows - self.pilots) * self.subcarriers

    @property
    def pilot_rows(self) -> tuple[int, ...]:
        """Which rows of a slot are pilots."""
        return tuple(int((i + 0.5) * self.rows / self.pilots) for i in range(self.pilots))

    @cached_property
    def data_mask(self) -> Bool[np.ndarray, "rows subcarriers"]:
        """True where a slot carries data."""
        mask = np.ones((self.rows, self.subcarriers), dtype=bool)
        mask[list(self.pilot_rows)] = False
        return mask

    def slots(self, data_uses: int) -> int:
        """Slots that so many data symbols take."""
        return math.ceil(data_uses / self.data_size)

    def channel_uses(self, data_uses: int) -> int:
        """Data symbols and all pilots of their slots."""
        return data_uses + self.slots(data_uses) * self.pilots * self.subcarriers

    def data_uses(self, channel_uses: int) -> int:
        """The most data symbols that so many channel uses can carry."""
        pilots = self.pilots * self.subcarriers
        full, rest = divmod(channel_uses, self.data_size + pilots)
        return full * self.data_size + max(0, rest - pilots)

    def pilot_symbols(self, slots: int) -> Complex64[np.ndarray, "slots pilots subcarriers"]:
        """QPSK of unit power that both ends know."""
        rng = np.random.Generator(np.random.PCG64(PILOT_SEED))
        quadrant = rng.integers(0, 4, (slots, self.pilots, self.subcarriers))
        symbols: Complex64[np.ndarray, "slots pilots subcarriers"] = np.exp(
            1j * np.pi * (0.25 + 0.5 * quadrant)
        ).astype(np.complex64)
        return symbols

    @staticmethod
    def pilot_power(mean_power: float) -> float:
        """Power of a pilot beside data of that mean power."""
        return mean_power or 1.0

    def place(
        self, data: Complex64[np.ndarray, "data"], mean_power: float
    ) -> Complex64[np.ndarray, "uses"]:
        """Whole slots with pilots of the data's mean power; the rest of the last one is empty."""
        slots = self.slots(data.size)
        padded = np.zeros(slots * self.data_size, np.complex64)
        padded[: data.size] = data
        grid = np.zeros((slots, self.rows, self.subcarriers), np.complex64)
        grid[:, self.data_mask] = padded.reshape(slots, -1)
        amplitude = np.float32(math.sqrt(self.pilot_power(mean_power)))
        grid[:, list(self.pilot_rows)] = amplitude * self.pilot_symbols(slots)
        return grid.reshape(-1)

    def extract(
        self, symbols: Complex64[np.ndarray, "uses"], data_uses: int
    ) -> Complex64[np.ndarray, "data"]:
        """The first data symbols of whole slots; works on gains and variances as well."""
        slots = symbols.reshape(-1, self.rows, self.subcarriers)
        return slots[:, self.data_mask].reshape(-1)[:data_uses]
