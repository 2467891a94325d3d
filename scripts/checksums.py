"""Write the checksums of the shipped weights anew; to be run after a network is replaced."""

from __future__ import annotations

from semlink.zoo.store import write_checksums

if __name__ == "__main__":
    print(f"wrote {write_checksums()}")
