"""A plan spelled out: cells, transmissions with their keys, and units of work."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import groupby, product
from pathlib import Path
from typing import TypeVar

from semlink.core.errors import InvalidInput
from semlink.core.settings import TransmissionSettings
from semlink.lab.sending import settings_and_folders
from semlink.lab.sweep.photos import PhotoFile, find_photos
from semlink.lab.sweep.plan import Fields, Plan, choice_name, own_fields

T = TypeVar("T")

UNIT_ROWS = 24  # at most: what one worker loses of its work when everything is killed
ROUND_SAMPLES = 8  # transmissions of a cell between two looks at its interval


@dataclass(frozen=True)
class Cell:
    """One point of the grid; its transmissions differ in photo and seed.

    Attributes:
        index: in the plan's order.
        system: name of the scheme with its settings.
        channel: name of the channel with its settings.
        options: the scheme's own settings, as JSON.
        settings: of all its transmissions, but for the seed.
        digest: of the settings.
    """

    index: int
    system: str
    channel: str
    options: str
    settings: TransmissionSettings
    digest: str


@dataclass(frozen=True)
class Task:
    """One transmission, which becomes one row.

    Attributes:
        key: digest of the photo's content, the settings and the seed.
        cell: where in the grid.
        seed: of its draws.
    """

    key: str
    cell: Cell
    seed: int

    @property
    def settings(self) -> TransmissionSettings:
        """Whole, with the seed."""
        return self.cell.settings.model_copy(update={"seed": self.seed})


@dataclass(frozen=True)
class Unit:
    """Transmissions of one photo by one scheme, which share what is made of the photo.

    Attributes:
        photo: what is sent.
        tasks: those that differ in the level or the seed alone lie together.
    """

    photo: PhotoFile
    tasks: tuple[Task, ...]


@dataclass(frozen=True)
class Grid:
    """All that a plan asks for.

    Attributes:
        photos: what is sent.
        cells: points of the grid.
        seeds: of every photo in every cell.
        folders: networks that do not come with the program.
        rounds: whether cells are looked at between rounds of transmissions.
    """

    photos: tuple[PhotoFile, ...]
    cells: tuple[Cell, ...]
    seeds: tuple[int, ...]
    folders: tuple[Path, ...]
    rounds: bool

    @property
    def size(self) -> int:
        """Rows, if no cell stops early."""
        return len(self.photos) * len(self.cells) * len(self.seeds)

    @cached_property
    def samples(self) -> tuple[tuple[tuple[int, PhotoFile], ...], ...]:
        """Seeds and photos, round by round: all photos with the first seed, then the next.

        Photos come first because the pictures that two seeds make of one photo resemble each
        other, and would make an interval look narrower than it is.
        """
        every = tuple(product(self.seeds, self.photos))
        return tuple(_chunks(every, ROUND_SAMPLES)) if self.rounds else (every,)

    def units(
        self, round_: Sequence[tuple[int, PhotoFile]], closed: Container[int], done: Container[str]
    ) -> Iterator[Unit]:
        """What is left to do in a round.

        Args:
            round_: of `samples`.
            closed: indices of cells that get no more transmissions.
            done: keys of the rows that are there.
        """
        photos = {photo.digest: photo for _, photo in round_}
        cells = [cell for cell in self.cells if cell.index not in closed]
        systems = [list(group) for _, group in groupby(cells, lambda cell: cell.system)]
        for photo, system in product(photos.values(), systems):
            seeds = [seed for seed, sent in round_ if sent is photo]
            tasks = [Task(key(photo, cell, seed), cell, seed) for cell in system for seed in seeds]
            left = tuple(task for task in tasks if task.key not in done)
            yield from (Unit(photo, part) for part in _chunks(left, UNIT_ROWS))

    def keys(self) -> Iterator[str]:
        """Of all rows, in the plan's order, if no cell stops early."""
        for cell, photo, seed in product(self.cells, self.photos, self.seeds):
            yield key(photo, cell, seed)


def spell_out(plan: Plan) -> Grid:
    """Finds the photos and checks every combination of settings.

    Raises:
        NotFound: there are no photos.
        InvalidInput: a setting is unknown or wrong, or two systems or channels share a name.
    """
    cells, folders = cells_of(plan)
    photos = find_photos(plan.photos)
    seeds = tuple(dict.fromkeys(plan.seeds))
    return Grid(photos, cells, seeds, folders, bool(plan.stop_when))


def cells_of(plan: Plan) -> tuple[tuple[Cell, ...], tuple[Path, ...]]:
    """The points of a plan's grid, and the folders of networks that it names.

    Raises:
        InvalidInput: as `spell_out`.
    """
    folders: dict[Path, None] = {}
    cells: dict[str, Cell] = {}
    for fields, names in _combinations(plan):
        settings, own = settings_and_folders(fields)
        folders |= dict.fromkeys(own)
        digest = settings_digest(settings)
        system, channel, options = names
        cells.setdefault(digest, Cell(len(cells), system, channel, options, settings, digest))
    return tuple(cells.values()), tuple(folders)


def _combinations(plan: Plan) -> Iterator[tuple[Fields, tuple[str, str, str]]]:
    """Flat settings of every cell, with the names of system and channel, and its options."""
    systems = _named(plan.schemes, "scheme", "schemes")
    channels = _named(plan.channels, "channel", "channels")
    levels = [{kind.value: level} for kind, some in plan.levels.items() for level in some]
    budgets = [{kind: amount} for kind, some in plan.budgets.items() for amount in some] or [{}]
    for system, budget, channel, level in product(systems, budgets, channels, levels):
        own = systems[system]
        fields = plan.settings | own | channels[channel] | level | budget
        yield fields, (system, channel, json.dumps(own, sort_keys=True, default=str))


def _named(choices: Sequence[Fields], first: str, field: str) -> dict[str, Fields]:
    named: dict[str, Fields] = {}
    for choice in choices:
        name = choice_name(choice, first)
        if named.setdefault(name, own_fields(choice)) != own_fields(choice):
            raise InvalidInput(
                "two of them have this name.", field=field, value=name, cure="Rename one."
            )
    return named


def _chunks(items: tuple[T, ...], size: int) -> Iterator[tuple[T, ...]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def settings_text(settings: TransmissionSettings) -> str:
    """Settings as JSON, all of them, sorted by name."""
    return json.dumps(settings.model_dump(mode="json"), sort_keys=True)


def settings_digest(settings: TransmissionSettings) -> str:
    """Of all settings but the seed."""
    return _digest(settings_text(settings.model_copy(update={"seed": 0})))


def key(photo: PhotoFile, cell: Cell, seed: int) -> str:
    """Of one row: the same for the same photo, settings and seed, in whatever sweep."""
    return row_key(photo.digest, cell.digest, seed)


def row_key(photo_digest: str, cell_digest: str, seed: int) -> str:
    """As `key`, of the digests of photo and cell."""
    return _digest(f"{photo_digest}\0{cell_digest}\0{seed}")


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()
