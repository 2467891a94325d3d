"""Randomness that depends on what is sent, and on nothing that runs beside it."""

from __future__ import annotations

from hashlib import blake2b


def draw_seed(seed: int, photo_digest: str, purpose: str) -> int:
    """Seed of one random draw, in 0 .. 2^63 - 1.

    The same (seed, photo, purpose) gives the same draw in any process, thread, order or batch, and
    whatever the scheme: schemes are compared on paired channel draws.

    Args:
        seed: the transmission's seed, >= 0.
        photo_digest: `pictures.photo_digest` of the photo.
        purpose: the payload's name, or the name of a receiver stage such as "diffusion".
    """
    text = f"{seed}\0{photo_digest}\0{purpose}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest()) >> 1
