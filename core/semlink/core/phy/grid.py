"""Time and frequency: where the data symbols and the pilots of a stream lie."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex64, Shaped

OFDM_SYMBOLS_PER_SLOT = 14  # normal cyclic prefix, 3GPP TS 38.211
CYCLIC_PREFIX = 1 / 14  # of the symbol without it; 14 symbols of 15 kHz fill 1 ms
PILOT_SEED = 38211

_QPSK = np.exp(1j * np.pi * (0.25 + 0.5 * np.arange(4))).astype(np.complex64)


@dataclass(frozen=True)
class ResourceGrid:
    """A slot: `rows` symbols in time on each of `subcarriers`, some rows being pilots.

    A slot of OFDM has 14 rows. A slot of one subcarrier is a coherence block of a single
    carrier. A stream takes whole slots, flattened in C order: slot, row, subcarrier.

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
    def symbol_duration_s(self) -> float:
        """From one OFDM symbol to the next, cyclic prefix included; 0 for a single carrier."""
        spacing = self.subcarrier_spacing_hz
        return (1.0 + CYCLIC_PREFIX) / spacing if self.is_ofdm else 0.0

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

    @property
    def data_mask(self) -> Bool[np.ndarray, "rows subcarriers"]:
        """True where a slot carries data."""
        mask = np.ones((self.rows, self.subcarriers), dtype=bool)
        mask[list(self.pilot_rows)] = False
        return mask

    def slots(self, data_uses: int) -> int:
        """Slots that so many data symbols take."""
        return math.ceil(data_uses / self.data_size)

    def channel_uses(self, data_uses: int) -> int:
        """Resource elements that so many data symbols and all pilots of their slots take."""
        return data_uses + self.slots(data_uses) * (self.size - self.data_size)

    def data_uses(self, channel_uses: int) -> int:
        """The most data symbols that so many channel uses can carry; 0 for fewer than none."""
        full, rest = divmod(max(0, channel_uses), self.size)
        return full * self.data_size + max(0, rest - (self.size - self.data_size))

    def pilot_symbols(self, slots: int) -> Complex64[np.ndarray, "slots pilots subcarriers"]:
        """QPSK of unit power that both ends know; those of fewer slots are the first of more.

        Raw output of PCG64, which NumPy keeps the same in every version (NEP 19).
        """
        count = slots * self.pilots * self.subcarriers
        quadrants = np.random.PCG64(PILOT_SEED).random_raw(count) >> np.uint64(62)
        shape = (slots, self.pilots, self.subcarriers)
        return np.asarray(_QPSK[quadrants].reshape(shape))

    @staticmethod
    def pilot_amplitude(mean_power: float) -> float:
        """Of pilots beside data of that mean power; data of no power has pilots of power 1."""
        return math.sqrt(mean_power or 1.0)

    def place(
        self, data: Complex64[np.ndarray, "data"], mean_power: float
    ) -> Complex64[np.ndarray, "uses"]:
        """Whole slots with pilots of the data's mean power; the rest of the last one is empty."""
        slots = self.slots(data.size)
        padded = np.zeros(slots * self.data_size, np.complex64)
        padded[: data.size] = data
        grid = np.zeros((slots, self.rows, self.subcarriers), np.complex64)
        grid[:, self.data_mask] = padded.reshape(slots, self.data_size)
        amplitude = np.float32(self.pilot_amplitude(mean_power))
        grid[:, list(self.pilot_rows)] = amplitude * self.pilot_symbols(slots)
        return grid.reshape(-1)

    def extract(
        self, symbols: Shaped[np.ndarray, "uses"], data_uses: int
    ) -> Shaped[np.ndarray, "data"]:
        """The first data symbols of whole slots; works on gains and variances as well.

        Args:
            symbols: one number per resource element, flattened in C order.
            data_uses: how many to take.
        """
        slots = symbols.reshape(-1, self.rows, self.subcarriers)
        return slots[:, self.data_mask].reshape(-1)[:data_uses]
