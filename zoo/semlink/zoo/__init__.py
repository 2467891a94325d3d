"""Weights that come with the program, found by name and checksummed."""

from semlink.zoo.store import find, names, verify

__all__ = ["find", "names", "verify"]
