"""Decoding of 5G NR's LDPC codes by belief propagation.

The same messages as those of `sionna.phy.fec.ldpc.LDPC5GDecoder` with its defaults (flooding, the
exact check node rule), some ten times as fast: Sionna pads every node to the largest degree of
the graph; here nodes of equal degree lie side by side, so that each sum is over a dense array.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

MOST_RATIO = 20.0  # of a message, and of a bit that is known
CORE_CHECKS = 4  # rows of the base graph that no rate leaves out

# Smallest and largest argument for which phi is a number in single precision.
LEAST_PHI, MOST_PHI = 8.5e-8, 16.635532

Edges = Int64[np.ndarray, "edges"]


class Run(NamedTuple):
    """Edges of neighbouring nodes that have equally many."""

    start: int
    stop: int
    degree: int


class BeliefPropagation:
    """Flooding on the part of a code's graph that its rate uses.

    Tensors are nodes or edges by blocks. Variable nodes are in order of degree.

    Args:
        encoder: a `sionna.phy.fec.ldpc.LDPC5GEncoder` with a bit interleaver.
    """

    def __init__(self, encoder: Any):
        import torch

        self._encoder = encoder
        self._filled = slice(encoder.k, encoder.k_ldpc)
        # Degree-1 parity bits that are not sent say nothing, and neither do their checks.
        sent_until = 2 * encoder.z + encoder.k_filler + encoder.n
        self._variables = max(encoder.k_ldpc + CORE_CHECKS * encoder.z, sent_until)
        checks = encoder.pcm.shape[0] - (encoder.n_ldpc - self._variables)
        ends = encoder.pcm[:checks, : self._variables].nonzero()
        check, variable = (end.astype(np.int64) for end in ends)

        by_check, self._check_runs, check, _ = _by_degree(check)
        variable = variable[by_check]
        by_variable, self._variable_runs, place, order = _by_degree(variable)
        to_edges = np.empty_like(by_variable)
        to_edges[by_variable] = place
        self._check = torch.from_numpy(check)
        self._variable = torch.from_numpy(to_edges)
        self._by_variable = torch.from_numpy(by_variable)
        self._order = torch.from_numpy(order)
        self._info = torch.from_numpy(np.argsort(order)[: encoder.k])

    def recover(self, ratios: Float32[np.ndarray, "blocks coded_bits"]) -> Any:
        """Undoes interleaving and rate matching.

        Args:
            ratios: log p(bit = 1) / p(bit = 0) of the bits on the air.

        Returns:
            log p(0) / p(1) of each variable node, zero for bits that are never sent.
        """
        import torch

        encoder = self._encoder
        sent = -torch.from_numpy(ratios).T[encoder.out_int_inv].clamp(-MOST_RATIO, MOST_RATIO)
        first = 2 * encoder.z
        llr = torch.zeros(self._variables, ratios.shape[0])
        llr[first : encoder.k] = sent[: encoder.k - first]
        llr[self._filled] = MOST_RATIO
        parity = sent[encoder.k - first :]
        llr[encoder.k_ldpc : encoder.k_ldpc + len(parity)] = parity
        return llr[self._order]

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
        return (self._beliefs(llr, messages)[self._info] <= 0).float().T

    def _beliefs(self, llr: Any, messages: Any) -> Any:
        return _sums(_take(messages, self._by_variable), self._variable_runs).add_(llr)

    def _from_checks(self, messages: Any) -> Any:
        """Every check's belief about each of its bits from all others of them.

        The sign is the product of their signs, the magnitude phi of the sum of their phis, where
        phi(x) = -log tanh(x / 2) (Ryan and Lin, Channel Codes, section 5.4).
        """
        import torch

        negative = torch.lt(messages, 0, out=torch.empty_like(messages))
        phis = _phi(messages.abs_())
        odd = _sums(negative, self._check_runs).remainder_(2)
        signed_sums = _sums(phis, self._check_runs).mul_(1 - 2 * odd)
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


def _sums(messages: Any, runs: list[Run]) -> Any:
    """Sum over the edges of each node."""
    import torch

    return torch.cat(
        [messages[start:stop].unflatten(0, (-1, degree)).sum(1) for start, stop, degree in runs]
    )


def _by_degree(node: Edges) -> tuple[Edges, list[Run], Edges, Int64[np.ndarray, "nodes"]]:
    """Sorts edges by their nodes, and nodes by their number of edges.

    Args:
        node: at one end of each edge.

    Returns:
        The edges in that order, their runs, where each of their nodes then is, and the nodes.
    """
    degrees = np.bincount(node)
    order = np.argsort(degrees, kind="stable")
    place = np.argsort(order)
    edges = np.argsort(place[node], kind="stable")
    runs, start = [], 0
    for degree, nodes in zip(*np.unique(degrees, return_counts=True), strict=True):
        runs.append(Run(start, start + int(degree * nodes), int(degree)))
        start = runs[-1].stop
    return edges, runs, place[node][edges], order
