"""The pass over a map, pixel by pixel: the same for the writer and the reader.

A pixel is a chain of questions: is it the nearest candidate, the second, ...? If none, its
label is found by going down a binary tree over the 256 labels, in which only the branches that
lead to possible labels are asked for.
"""

from __future__ import annotations

import numpy as np

from semlink.core.codecs.label_coder.compiling import SOURCES, compiled, compiled_and_kept
from semlink.core.codecs.label_coder.contexts import CANDIDATES, MARGIN, View, look
from semlink.core.codecs.label_coder.mixing import Model, Scratch, gather, learn, predict
from semlink.core.codecs.label_coder.range_coding import Tape, read_bit

LABELS = 256
TREE_DEPTH = 8
MOST_DECISIONS = CANDIDATES + TREE_DEPTH  # for one pixel


@compiled
def decide(
    model: Model, view: View, now: Scratch, tape: Tape, question: int, subject: int, bit: int
) -> int:
    """Codes one decision.

    Args:
        model: learns from it.
        view: the pixel's surroundings.
        now: scratch.
        tape: is written if it has a record, else read.
        question: see `gather`.
        subject: see `gather`.
        bit: the decision, if the tape is written.

    Returns:
        The decision.
    """
    gather(model, view, question, subject, now)
    probability = predict(model, question, now)
    if tape.record.shape[0]:
        tape.record[tape.cursor[1]] = 2 * probability + bit
        tape.cursor[1] += 1
    else:
        bit = read_bit(tape, probability)
    learn(model, question, bit, now)
    return bit


@compiled
def possible(ranks: np.ndarray, view: View, found: int, low: int, high: int) -> int:
    """How many labels of `low` .. `high - 1` occur in the map and are no candidates."""
    count: int = ranks[high] - ranks[low]
    for index in range(found):
        label = view.candidates[index]
        if low <= label < high:
            count -= 1
    return count


@compiled
def descend(
    model: Model,
    view: View,
    now: Scratch,
    tape: Tape,
    ranks: np.ndarray,
    found: int,
    label: int,
) -> int:
    """Codes a label that is none of the candidates; -1 if there is none, which is damage."""
    if possible(ranks, view, found, 0, LABELS) == 0:
        return -1
    node, low, width = 1, 0, LABELS
    while width > 1:
        width >>= 1
        middle = low + width
        left = possible(ranks, view, found, low, middle)
        right = possible(ranks, view, found, middle, middle + width)
        bit = 1 if left == 0 else 0
        if left and right:
            wanted = 1 if label >= middle else 0
            bit = decide(model, view, now, tape, CANDIDATES, node, wanted)
        node = 2 * node + bit
        low += bit * width
    return low


@compiled_and_kept
def walk(
    labels: np.ndarray,
    size: np.ndarray,
    ranks: np.ndarray,
    model: Model,
    view: View,
    now: Scratch,
    tape: Tape,
    sources: int = SOURCES,
) -> bool:
    """Codes a map.

    Args:
        labels: int16, with MARGIN around the map (none below); read, or written.
        size: of the map, height and width.
        ranks: how many labels below 0, 1, ... 256 occur in the map.
        model: learns the map.
        view: a blank one.
        now: scratch.
        tape: is written if it has a record, else read.
        sources: leave it out, see `compiled_and_kept`.

    Returns:
        Whether the map was read to its end: damage leads elsewhere.
    """
    for row in range(MARGIN, MARGIN + size[0]):
        view.runs[0] = 0
        for column in range(MARGIN, MARGIN + size[1]):
            found = look(labels, row, column, size, view)
            actual, label = labels[row, column], -1
            for question in range(found):
                subject = view.candidates[question]
                if ranks[LABELS] == question + 1:
                    label = subject  # the only one left
                    break
                bit = 1 if actual == subject else 0
                if decide(model, view, now, tape, question, subject, bit):
                    label = subject
                    break
            if label < 0:
                label = descend(model, view, now, tape, ranks, found, actual)
            if label < 0 or tape.cursor[0] < 0:
                return False
            labels[row, column] = label
            above = 1 + column - MARGIN
            view.runs[0] = view.runs[0] + 1 if label == labels[row, column - 1] else 0
            view.runs[above] = view.runs[above] + 1 if label == labels[row - 1, column] else 0
    return True
