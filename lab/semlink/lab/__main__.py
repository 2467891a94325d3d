"""`python -m semlink.lab` is the `semlink` command."""

from __future__ import annotations

from semlink.lab.cli import main

if __name__ == "__main__":
    main()
