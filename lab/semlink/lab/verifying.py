"""Checksums and self-checks of networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from semlink.core.errors import SemlinkError
from semlink.lab.console import print_json, wide_console
from semlink.lab.self_check import examine
from semlink.zoo import find, names, verify

NOTHING = "nothing on record"


@dataclass(frozen=True)
class Verification:
    """What came of one network.

    Attributes:
        name: of the network.
        intact: whether nothing is wrong.
        checksums: what its files are.
        answer: what the network answers to its fixed input.
    """

    name: str
    intact: bool
    checksums: str
    answer: str


def verification(name: str) -> Verification:
    """Checks one network, of the zoo or of a folder; the folder has no checksums on record.

    Raises:
        NotFound: there is no such network.
    """
    folder, checksums, answer = find(name), NOTHING, "not asked"
    try:
        if name in names():
            verify(name)
            checksums = "as on record"
    except SemlinkError as error:
        return Verification(name, False, str(error), answer)
    try:
        answer = examine(folder)
    except SemlinkError as error:
        return Verification(name, False, checksums, str(error))
    return Verification(name, True, checksums, answer)


def tell(found: Sequence[Verification], *, json: bool) -> None:
    """Prints a line for each network on stdout."""
    if json:
        print_json({"networks": [asdict(item) for item in found]})
        return
    console = wide_console()
    for item in found:
        console.print("[green]  ok[/]" if item.intact else "[bold red]fail[/]", end="  ")
        line = f"{item.name}  checksums: {item.checksums}; self-check: {item.answer}"
        console.print(line, markup=False, soft_wrap=True)
