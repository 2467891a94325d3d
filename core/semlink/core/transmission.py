"""Identity of one transmission, known to every part of the link."""

from __future__ import annotations

from dataclasses import dataclass

from semlink.core.seeding import draw_seed


@dataclass(frozen=True)
class Transmission:
    """Which photo is sent, and under which seed.

    Attributes:
        transmission_id: unique; names it in logs.
        seed: the user's, >= 0.
        photo_digest: `pictures.photo_digest` of the photo.
    """

    transmission_id: str
    seed: int
    photo_digest: str

    def seed_for(self, purpose: str) -> int:
        """Seed of one random draw, see `seeding.draw_seed`."""
        return draw_seed(self.seed, self.photo_digest, purpose)
