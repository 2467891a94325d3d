"""One half of a transmission in a process of its own: its seconds, and its peak of memory.

`measured` starts the process and asks a second one what the imports alone take.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from semlink.core.errors import InternalError

if TYPE_CHECKING:
    from semlink.core.codecs.tokens import IndexTables
    from semlink.core.sqgan.config import SqganConfig

HIGH_WATER = "VmHWM:"  # of this program alone; what getrusage says includes its parent's
KIB = 1024

Fields = dict[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True)
class HalfCost:
    """What half of a transmission takes.

    Attributes:
        seconds: of the second picture; the first was its mirror image, to warm up. For networks
            of random weights there is no first.
        peak_bytes: of resident memory, beyond a process that has imported the same modules.
    """

    seconds: float
    peak_bytes: int


def measured(half: str, task: Fields, threads: int) -> HalfCost:
    """Runs half of a transmission.

    Args:
        half: name in `HALVES`.
        task: what that function takes.
        threads: of all libraries that compute.

    Raises:
        InternalError: the process came to no end.
    """
    answer = _child(half, task, threads)
    packages = {name.partition(".")[0] for name in answer["modules"]}
    names = tuple(name for name in answer["modules"] if not name.startswith("_"))
    baseline = _imports(frozenset(packages), threads, _Names(names))
    return HalfCost(answer["seconds"], max(0, answer["peak_bytes"] - baseline))


class _Names(tuple[str, ...]):
    """Modules, all alike to a cache: packages tell enough."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Names)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=16)
def _imports(packages: frozenset[str], threads: int, names: _Names) -> int:
    peak: int = _child("imports", {"modules": list(names)}, threads)["peak_bytes"]
    return peak


def _child(half: str, task: Fields, threads: int) -> Answer:
    with TemporaryDirectory() as folder:
        question, answer = Path(folder) / "question.json", Path(folder) / "answer.json"
        question.write_text(json.dumps({"half": half} | task))
        command = [sys.executable, "-m", "semlink.lab.half_cost", str(question), str(answer)]
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        ended = subprocess.run(
            command, env=os.environ | limits, check=False, capture_output=True, text=True
        )
        if ended.returncode:
            last = (ended.stderr.strip().splitlines() or ["no reason was given"])[-1]
            raise InternalError(f"the process for {half} failed: {last}")
        found: Answer = json.loads(answer.read_text())
        return found


def transmitter(photo: str, fields: Fields, folders: Mapping[str, str], capture: str) -> float:
    """Encodes a photo, and keeps what arrives of it; answers the seconds of the first."""
    from semlink.core.capture import Capture, write_capture
    from semlink.core.pictures import photo_digest, read_photo
    from semlink.core.schemes import GENERATIVE, Scheme
    from semlink.core.settings import settings_from_fields
    from semlink.core.transmission import Transmission
    from semlink.transmitter.transmitter import Transmitter

    settings = settings_from_fields(fields)
    segmenters = (settings.segmenter,) if settings.scheme in GENERATIVE else ()
    tokenizers = (settings.tokenizer,) if settings.scheme is Scheme.SQGAN else ()
    own = _sources(folders)
    transmitter = Transmitter.load(own(segmenters), "cpu", tokenizers=own(tokenizers))
    pixels = read_photo(Path(photo).read_bytes())
    transmitter.encode(pixels[:, ::-1].copy(), settings)
    started = time.perf_counter()
    frame, _ = transmitter.encode(pixels, settings)
    seconds = time.perf_counter() - started
    _note_peak()

    from semlink.channel.models import propagate

    transmission = Transmission("cost", settings.seed, photo_digest(pixels))
    propagation = propagate(frame, settings.channel, transmission)
    write_capture(Path(capture), Capture(transmission, settings, propagation))
    return seconds


def receiver(capture: str, folders: Mapping[str, str]) -> float:
    """Makes a picture of what arrived, twice; answers the seconds of the second."""
    from semlink.core.capture import read_capture
    from semlink.core.schemes import GENERATIVE
    from semlink.receiver.receiver import Receiver

    kept = read_capture(Path(capture))
    settings = kept.settings.receiver
    networks = (settings.network,) if kept.settings.scheme in GENERATIVE else ()
    receiver = Receiver.load(_sources(folders)(networks), "cpu")
    seconds = 0.0
    for _ in range(2):
        started = time.perf_counter()
        for _ in receiver.reconstruct(kept.propagation, settings, kept.transmission):
            pass
        seconds = time.perf_counter() - started
    _note_peak()
    return seconds


def random_transmitter(network: Fields, height: int, width: int) -> float:
    """SQ-GAN's encoders with random weights, on noise; one run."""
    import numpy as np

    from semlink.transmitter.sqgan.network import SqganEncoder
    from semlink.transmitter.sqgan.tokenizer import Tokenizer

    config, tables = _untrained(network)
    tokenizer = Tokenizer(SqganEncoder(config).eval(), "cityscapes", tables)
    generator = np.random.default_rng(0)
    picture = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    labels = generator.integers(0, config.map_channels, (height, width)).astype(np.uint8)
    started = time.perf_counter()
    tokenizer.tokens(picture, labels)
    seconds = time.perf_counter() - started
    _note_peak()
    return seconds


def random_receiver(network: Fields, height: int, width: int) -> float:
    """SQ-GAN's decoders with random weights, on random tokens; one run."""
    import numpy as np

    from semlink.core.pictures import Size
    from semlink.core.tokens import SentTokens
    from semlink.receiver.sqgan.network import SqganDecoder
    from semlink.receiver.sqgan.painter import SqganNetwork

    config, tables = _untrained(network)
    painter = SqganNetwork(SqganDecoder(config).eval(), "cityscapes", tables)
    grid = config.grid(Size(height, width))
    indices = np.random.default_rng(0).integers(0, config.map.codes, grid.pixels)
    tokens = SentTokens(grid, config.map.codes, np.arange(grid.pixels), indices)
    tokens = tokens.first(int(0.4 * grid.pixels))
    started = time.perf_counter()
    painter.picture(tokens, painter.labels(tokens))
    seconds = time.perf_counter() - started
    _note_peak()
    return seconds


def _untrained(network: Fields) -> tuple[SqganConfig, IndexTables]:
    """A network's shape, and tables to which all codewords are alike."""
    from semlink.core.codecs.tokens import IndexTable, IndexTables
    from semlink.core.sqgan.config import read_network

    config = read_network(network)
    map_table, picture_table = map(IndexTable.uniform, (config.map.codes, config.picture.codes))
    return config, IndexTables(map_table, picture_table, fingerprint=0)


def imports(modules: Sequence[str]) -> float:
    """Imports modules and does nothing else."""
    for name in modules:
        with suppress(Exception):  # some are made by others, and cannot be asked for by name
            import_module(name)
    _note_peak()
    return 0.0


HALVES: dict[str, Callable[..., float]] = {
    "transmitter": transmitter,
    "receiver": receiver,
    "random transmitter": random_transmitter,
    "random receiver": random_receiver,
    "imports": imports,
}
_noted: Answer = {}


def main(question: Path, answer: Path) -> None:
    """What the child process does."""
    task = json.loads(question.read_text())
    seconds = HALVES[task.pop("half")](**task)
    answer.write_text(json.dumps(_noted | {"seconds": seconds}))


def _note_peak() -> None:
    """Keeps the peak so far, and which modules are there."""
    own = sorted(set(sys.modules) - {"__main__"})
    _noted.update(peak_bytes=_peak_bytes(), modules=own)


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (one for one in status.read_text().splitlines() if one.startswith(HIGH_WATER))
        return KIB * int(line.split()[1])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes, on macOS


def _sources(folders: Mapping[str, str]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    return lambda names: tuple(folders.get(name, name) for name in names)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
