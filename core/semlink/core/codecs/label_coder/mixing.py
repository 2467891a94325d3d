"""The model of one binary decision: counters, mixers, and a last adaptive stage.

Each context addresses a counter, the share of ones seen there. Their logits are summed by
three mixers, each with weights chosen by another aspect of the decision and by how much each
counter has seen; a fourth mixer sums the three. (Logistic mixing of context models: Mahoney,
"Adaptive weighing of context models for lossless data compression", 2005.) All is learnt
while coding. Everything is an integer, and sums stay below 2^63.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from semlink.core.codecs.label_coder.compiling import compiled, wide
from semlink.core.codecs.label_coder.contexts import (
    CANDIDATES,
    CONTEXTS,
    PATTERNS,
    SHAPES,
    SLOPES,
    View,
    mixed,
)
from semlink.core.codecs.label_coder.logistic import LIMIT, ONE, SQUASH, STRETCH, UNIT

SLOTS = 1 << 16  # counters per context
SEEN_BITS = 10  # of a counter; the other 22 are its probability of a one
SEEN = (1 << SEEN_BITS) - 1
EVEN = 1 << 31  # the counter that has seen nothing
MOST_SEEN = 1000
QUESTIONS = CANDIDATES + 1  # is it this candidate? The last: which branch of the tree of labels?
MIXERS = 3
INPUTS = CONTEXTS + 1  # and a constant
CONFIDENCES = 6
CONFIDENCE = np.array([0, 1, 2, 3, 3] + [4] * 6 + [5] * (SEEN - 10), np.int64)  # by count
SELECTED = np.array([0, QUESTIONS * PATTERNS, QUESTIONS * PATTERNS + 2 * 64], np.int64)
WEIGHT_SETS = QUESTIONS * PATTERNS + 2 * 64 + QUESTIONS * SLOPES
KNOTS = 2 * LIMIT // 128 + 2  # of the last stage
WEIGHT_ONE = 1 << 16
REACTION = np.array([(10 * ONE) // (10 * seen + 16) for seen in range(SEEN + 1)], np.int64)


class Model(NamedTuple):
    """All that is learnt.

    Attributes:
        counters: uint32, SLOTS for every context.
        weights: int32 (set, input, confidence), WEIGHT_ONE is 1.
        blend: int32 (question, mixer), of the fourth mixer.
        refined: int32 (question and pattern, knot): probabilities of 22 bits.
        rates: of the mixers and of the fourth, in 2^-16.
    """

    counters: np.ndarray
    weights: np.ndarray
    blend: np.ndarray
    refined: np.ndarray
    rates: np.ndarray


class Scratch(NamedTuple):
    """Of one decision."""

    slots: np.ndarray
    logits: np.ndarray
    confidences: np.ndarray
    sets: np.ndarray
    sums: np.ndarray
    state: np.ndarray  # row and knot of the last stage; probability before it


def scratch() -> Scratch:
    """Empty."""
    counts = (CONTEXTS, INPUTS, INPUTS, MIXERS, MIXERS, 3)
    return Scratch(*[np.zeros(count, np.int64) for count in counts])


@compiled
def clipped(logit: int) -> int:
    """Within -LIMIT .. LIMIT."""
    return min(max(logit, -LIMIT), LIMIT)


@compiled
def gather(model: Model, view: View, question: int, subject: int, now: Scratch) -> None:
    """Finds the decision's counters and weights.

    Args:
        model: what was learnt.
        view: the pixel's surroundings.
        question: 0 .. CANDIDATES - 1: is it this candidate; CANDIDATES: a branch of the tree.
        subject: the candidate's label, or the node of the tree.
        now: is written.
    """
    for context in range(CONTEXTS):
        slot = mixed(view.hashes[context], question)
        if context >= SHAPES or question == CANDIDATES:
            slot = mixed(slot, subject)
        slot = (slot & (SLOTS - 1)) + context * SLOTS
        counter = wide(model.counters[slot])
        confidence = CONFIDENCE[counter & SEEN]
        now.slots[context] = slot
        now.confidences[context] = confidence
        now.logits[context] = STRETCH[counter >> 16] if confidence else 0
    now.logits[CONTEXTS] = UNIT
    now.sets[0] = SELECTED[0] + question * PATTERNS + view.selectors[0]
    now.sets[1] = SELECTED[1] + min(subject, 63) * 2 + (1 if question else 0)
    now.sets[2] = SELECTED[2] + question * SLOPES + view.selectors[1]


@compiled
def predict(model: Model, question: int, now: Scratch) -> int:
    """Probability that the decision is yes, 1 .. ONE - 1 of ONE, after `gather`."""
    total = 0
    for mixer in range(MIXERS):
        weights, logit = model.weights[now.sets[mixer]], 0
        for term in range(INPUTS):
            logit += wide(weights[term, now.confidences[term]]) * now.logits[term]
        now.sums[mixer] = clipped(logit >> 16)
        total += wide(model.blend[question, mixer]) * now.sums[mixer]
    logit = clipped(total >> 16)
    probability = wide(SQUASH[LIMIT + logit])

    knot, share = (LIMIT + logit) >> 7, (LIMIT + logit) & 127
    row = model.refined[now.sets[0]]
    refined = (wide(row[knot]) * (128 - share) + wide(row[knot + 1]) * share) >> 13
    now.state[0] = now.sets[0]
    now.state[1] = knot + (share >> 6)
    now.state[2] = probability
    final: int = (3 * probability + refined) >> 2
    return min(max(final, 1), ONE - 1)


@compiled
def learn(model: Model, question: int, bit: int, now: Scratch) -> None:
    """Moves everything that took part in `predict` towards the decision."""
    target = bit * ((1 << 22) - 1)
    refined = wide(model.refined[now.state[0], now.state[1]])
    model.refined[now.state[0], now.state[1]] = refined + ((target - refined) >> 6)
    error = (bit * ONE - now.state[2]) * model.rates[1]
    for mixer in range(MIXERS):
        blend = wide(model.blend[question, mixer])
        model.blend[question, mixer] = blend + ((now.sums[mixer] * error + (1 << 23)) >> 24)
        own = (bit * ONE - wide(SQUASH[LIMIT + now.sums[mixer]])) * model.rates[0]
        weights = model.weights[now.sets[mixer]]
        for term in range(INPUTS):
            step = (now.logits[term] * own + (1 << 23)) >> 24
            confidence = now.confidences[term]
            weights[term, confidence] = wide(weights[term, confidence]) + step
    for context in range(CONTEXTS):
        slot = now.slots[context]
        counter = wide(model.counters[slot])
        seen, probability = counter & SEEN, counter >> SEEN_BITS
        probability += ((target - probability) * REACTION[seen]) >> 16
        model.counters[slot] = (probability << SEEN_BITS) | min(seen + 1, MOST_SEEN)
