"""Random draws of our own.

Sionna's objects draw from one generator per process, so that two calls at a time would change each
other's draws. Here every draw has a generator of its own, on the CPU, seeded by what is sent.
"""

from __future__ import annotations

from functools import cache
from typing import Any


def generator(seed: int) -> Any:
    """A new `torch.Generator` on the CPU."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)


def seeded(block: Any, seed: int) -> Any:
    """Makes an object of Sionna, and all objects inside it, draw from one new generator.

    Each object's class is replaced by a subclass with a `torch_rng` of its own; nothing that the
    process shares is read or changed.

    Args:
        block: a `sionna.phy.Object` that nobody else uses.
        seed: of the generator.

    Returns:
        The same object.
    """
    from sionna.phy import Object

    own = generator(seed)
    for part in block.modules():
        if isinstance(part, Object):
            part.own_generator = own
            kind: type = type(part)
            part.__class__ = _with_own_generator(kind)
    return block


@cache
def _with_own_generator(kind: type) -> type:
    draws_from = property(lambda block: block.own_generator)
    return type(f"Seeded{kind.__name__}", (kind,), {"torch_rng": draws_from})
