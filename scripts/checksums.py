"""Write self-checks and checksums of the shipped weights; to be run after one is replaced."""

from __future__ import annotations

from semlink.lab.self_check import record
from semlink.zoo.store import WEIGHTS, names, write_checksums

if __name__ == "__main__":
    for name in names():
        print(f"{name}: wrote {record(WEIGHTS / name) or 'no self-check for its kind'}")
    print(f"wrote {write_checksums()}")
