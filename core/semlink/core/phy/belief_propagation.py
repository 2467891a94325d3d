"""Decoding of 5G NR's LDPC codes by belief propagation.

The same messages as those of `sionna.phy.fec.ldpc.LDPC5GDecoder` with its defaults (flooding, the
exact check node rule), several times as fast: Sionna pads every node to the largest degree of the
graph; here the sums over a node's edges are products with a sparse matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float32

MOST_RATIO = 20.0  # of a message, and of a bit that is known
CORE_CHECKS = 4  # rows of the base graph that no rate leaves out

# Smallest and largest argument for which phi is a number in single precision.
LEAST_PHI, MOST_PHI = 8.5e-8, 16.635532


class BeliefPropagation:
    """Flooding on the part of a code's graph that its rate uses.

    Tensors are variable nodes or edges by blocks.

    Args:
        encoder: a `sionna.phy.fec.ldpc.LDPC5GEncoder` with a bit interleaver.
    """

    def __init__(self, encoder: Any):
        import torch
        from scipy.sparse import csr_array

        self._encoder = encoder
        # Degree-1 parity bits that are not sent say nothing, and neither do their checks.
        sent_until = 2 * encoder.z + encoder.k_filler + encoder.n
        self._variables = max(encoder.k_ldpc + CORE_CHECKS * encoder.z, sent_until)
        checks = encoder.pcm.shape[0] - (encoder.n_ldpc - self._variables)
        check, variable = encoder.pcm[:checks, : self._variables].nonzero()
        edges, ones = np.arange(check.size), np.ones(check.size, np.float32)
        self._at_checks = csr_array((ones, (check, edges)))
        self._at_variables = csr_array((ones, (variable, edges)))
        self._check = torch.from_numpy(check.astype(np.int64))
        self._variable = torch.from_numpy(variable.astype(np.int64))

    def recover(self, ratios: Float32[np.ndarray, "blocks coded_bits"]) -> Any:
        """Undoes interleaving and rate matching.

        Args:
            ratios: log p(bit = 1) / p(bit = 0) of the bits on the air.

        Returns:
            log p(0) / p(1) of each variable node, zero for bits that are never sent.
        """
        import torch

        k, k_ldpc = self._encoder.k, self._encoder.k_ldpc
        sent = (
            -torch.from_numpy(ratios).T[self._encoder.out_int_inv].clamp(-MOST_RATIO, MOST_RATIO)
        )
        first = 2 * self._encoder.z
        systematic, parity = sent[: k - first], sent[k - first :]
        llr = torch.zeros(self._variables, ratios.shape[0])
        llr[first:k] = systematic
        llr[k:k_ldpc] = MOST_RATIO  # filler bits, known to be zero
        llr[k_ldpc : k_ldpc + len(parity)] = parity
        return llr

    def start(self, llr: Any) -> Any:
        """Messages to the variable nodes before the first iteration."""
        return llr.new_zeros(len(self._check), llr.shape[1])

    def iterate(self, llr: Any, messages: Any, iterations: int) -> Any:
        """Messages to the variable nodes after some more iterations."""
        for _ in range(iterations):
            beliefs = _take(self._beliefs(llr, messages), self._variable)
            messages = self._from_checks(beliefs.sub_(messages).clamp_(-MOST_RATIO, MOST_RATIO))
        return messages

    def decide(self, llr: Any, messages: Any) -> Any:
        """Information bits, blocks by bits, zero or one."""
        return (self._beliefs(llr, messages)[: self._encoder.k] <= 0).float().T

    def _beliefs(self, llr: Any, messages: Any) -> Any:
        return _product(self._at_variables, messages).add_(llr)

    def _from_checks(self, messages: Any) -> Any:
        """Every check's belief about each of its bits from all others of them.

        The sign is the product of their signs, the magnitude phi of the sum of their phis, where
        phi(x) = -log tanh(x / 2) (Ryan and Lin, Channel Codes, section 5.4).
        """
        import torch

        negative = torch.lt(messages, 0, out=torch.empty_like(messages))
        phis = _phi(messages.abs_())
        odd = _product(self._at_checks, negative).remainder_(2)
        signed_sums = _product(self._at_checks, phis).mul_(1 - 2 * odd)
        signed = _take(signed_sums, self._check)
        magnitudes = _phi(signed.abs().sub_(phis))
        return magnitudes.copysign_(signed).mul_(negative.mul_(-2).add_(1))


def _phi(values: Any) -> Any:
    """In place."""
    exponential = values.clamp_(LEAST_PHI, MOST_PHI).exp_()
    return (exponential + 1).div_(exponential.sub_(1)).log_()


def _take(nodes: Any, index: Any) -> Any:
    """`nodes[index]`, but four times as fast; a single column is faster as a vector."""
    if nodes.shape[1] == 1:
        return nodes[:, 0].index_select(0, index)[:, None]
    return nodes.index_select(0, index)


def _product(matrix: Any, messages: Any) -> Any:
    """Of a sparse matrix of SciPy, which is faster here than PyTorch's."""
    import torch

    return torch.from_numpy(matrix @ messages.numpy())
