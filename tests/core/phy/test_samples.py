from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import Float32

from semlink.core.phy.layouts import SamplesLayout
from semlink.core.phy.samples import samples_to_symbols, symbols_to_samples, variance_per_sample

Samples = Float32[np.ndarray, "..."]

arrays = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=0, max_dims=4, max_side=7),
    elements=st.floats(-1, 1, width=32),
)


@given(arrays)
def test_samples_come_back_bit_by_bit(samples: Samples) -> None:
    layout = SamplesLayout(samples.shape)
    symbols = samples_to_symbols(samples)
    assert symbols.shape == (layout.channel_uses,)
    back = symbols_to_samples(symbols, layout)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, samples)


@given(arrays)
def test_symbols_keep_the_energy(samples: Samples) -> None:
    symbols = samples_to_symbols(samples).astype(np.complex128)
    np.testing.assert_allclose(
        np.sum(np.abs(symbols) ** 2), np.sum(samples.astype(np.float64) ** 2), rtol=1e-12
    )


def test_neighbours_share_a_symbol_and_an_odd_one_gets_a_zero() -> None:
    symbols = samples_to_symbols(np.array([1, 2, 3], np.float32))
    np.testing.assert_array_equal(symbols, np.array([1 + 2j, 3], np.complex64))


def test_order_is_c_order_whatever_the_memory() -> None:
    samples = np.arange(12, dtype=np.float32).reshape(3, 4)
    views = [samples, np.asfortranarray(samples), samples[::-1][::-1]]
    symbols = [samples_to_symbols(view) for view in views]
    assert all(np.array_equal(symbols[0], other) for other in symbols)


def test_a_sample_has_half_the_noise_of_its_symbol() -> None:
    variance = np.array([2, 6, np.inf], np.float32)
    per_sample = variance_per_sample(variance, SamplesLayout((5, 1)))
    np.testing.assert_array_equal(per_sample[:, 0], [1, 1, 3, 3, np.inf])
