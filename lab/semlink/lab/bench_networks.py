"""What a sampler's step costs: the plain network beside one that has read its map before."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median

import torch
from rich.table import Table
from torch import Tensor

from semlink.core.pictures import Size
from semlink.lab.console import print_json, wide_console
from semlink.receiver.device import pick_device, pick_dtype
from semlink.receiver.diffusion.guidance import guided, push
from semlink.receiver.diffusion.prepared import Prepared, prepare
from semlink.receiver.diffusion.samplers import Denoise
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig
from semlink.receiver.diffusion.weights import load_diffusion
from semlink.zoo import find

REPEATS = 9
SCALE = 2.0
NETWORKS = ("gesco-camvid",)
NARROW = "published form, an eighth as wide"
NARROW_SIZE = Size(128, 256)
NARROW_CONFIG = UNetConfig(map_channels=36, model_channels=32, head_channels=32, spade_hidden=16)


@dataclass(frozen=True)
class StepCost:
    """One network at one size; times are medians of runs that alternate.

    Attributes:
        name: of the network.
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        prepare_ms: reading the map, once a picture.
        kept_bytes: memory of what was read, both branches.
        step_ms: a guided step by each way: `plain` reads both maps at every step and asks twice;
            `kept` reads them once and asks twice; `batched` also asks once, for both.
    """

    name: str
    height: int
    width: int
    prepare_ms: float
    kept_bytes: int
    step_ms: Mapping[str, float]

    @property
    def ratio(self) -> float:
        """Times as fast as the plain way."""
        return self.step_ms["plain"] / self.step_ms["batched"]


@dataclass(frozen=True)
class NetworksBench:
    """All measurements.

    Attributes:
        device: as torch names it.
        dtype: number format.
        threads: of the processor.
        repeats: runs of which each time is the median.
        networks: in order.
    """

    device: str
    dtype: str
    threads: int
    repeats: int
    networks: tuple[StepCost, ...]


@torch.inference_mode()
def measure(
    networks: Sequence[str] = (),
    *,
    device: str | None = None,
    repeats: int = REPEATS,
    compiled: bool = False,
) -> NetworksBench:
    """Times a guided step of the networks, and of a narrow one of the published form.

    Args:
        networks: by zoo name or folder, at the size of their training; none for the shipped ones.
        device: as torch names it; None for the best there is.
        repeats: runs of each, at least 1.
        compiled: whether torch.compile may work on each network first, for minutes.
    """
    where = pick_device(device)
    dtype = pick_dtype(where)
    costs = []
    for name in networks or (*NETWORKS, NARROW):
        net, size = _network(name, where, dtype)
        if compiled:
            net.compile(dynamic=False)
        costs.append(_cost(name, net, size, repeats))
    return NetworksBench(
        str(where), str(dtype)[6:], torch.get_num_threads(), repeats, tuple(costs)
    )


def tell(result: NetworksBench, *, json: bool) -> None:
    """Prints the measurements on stdout."""
    if json:
        networks = [asdict(cost) | {"ratio": cost.ratio} for cost in result.networks]
        print_json(asdict(result) | {"networks": networks})
        return
    title = f"{result.device}, {result.dtype}, {result.threads} threads, median of"
    table = Table("", "size", title=f"A guided step: {title} {result.repeats}")
    for column in ("plain ms", "kept ms", "batched ms", "ratio", "map, once ms", "kept MiB"):
        table.add_column(column, justify="right")
    for cost in result.networks:
        table.add_row(
            cost.name,
            f"{cost.height}x{cost.width}",
            *(f"{cost.step_ms[way]:.1f}" for way in ("plain", "kept", "batched")),
            f"{cost.ratio:.2f}",
            f"{cost.prepare_ms:.1f}",
            f"{cost.kept_bytes / 2**20:.1f}",
        )
    wide_console().print(table)


def _network(name: str, device: torch.device, dtype: torch.dtype) -> tuple[SpadeUNet, Size]:
    if name == NARROW:
        net = SpadeUNet(NARROW_CONFIG).to(device, dtype).eval()
        return net.to(memory_format=torch.channels_last), NARROW_SIZE  # type: ignore[call-overload]
    net, config = load_diffusion(find(name), device, dtype)
    return net, Size(config.height, config.width)


def _cost(name: str, net: SpadeUNet, size: Size, repeats: int) -> StepCost:
    like = next(net.parameters())
    generator = torch.Generator().manual_seed(0)
    channels = net.config.image_channels
    x = torch.randn(1, channels, *size, generator=generator).to(like)
    labels = torch.arange(size.width) * net.config.map_channels // size.width
    striped = labels == torch.arange(net.config.map_channels)[:, None]
    class_map = striped[None, :, None].expand(1, -1, *size).to(like)
    coarse = net.config.low_res_channels
    low_res = torch.zeros(1, coarse, *size).to(like) if coarse else None
    batched = guided(net, class_map, scale=SCALE, low_res=low_res)
    ways: dict[str, Denoise] = {
        "plain": _apart(net, class_map, low_res, keep_bytes=0),
        "kept": _apart(net, class_map, low_res, keep_bytes=batched.prepared.kept_bytes),
        "batched": batched,
    }
    t = torch.full((1,), 500.0, device=like.device)
    jobs = {way: partial(denoise, x, t) for way, denoise in ways.items()}
    reading = partial(guided, net, class_map, scale=SCALE, low_res=low_res)
    taken = _alternated({**jobs, "prepare": reading}, repeats, like.device)
    prepare_ms = taken.pop("prepare")
    return StepCost(name, *size, prepare_ms, batched.prepared.kept_bytes, taken)


def _apart(
    net: SpadeUNet, class_map: Tensor, low_res: Tensor | None, *, keep_bytes: int
) -> Denoise:
    """Guidance with a call for each branch."""
    maps = class_map, torch.zeros_like(class_map)
    informed, blind = (prepare(net, one, low_res=low_res, keep_bytes=keep_bytes) for one in maps)
    return partial(_ask_twice, informed, blind)


def _ask_twice(informed: Prepared, blind: Prepared, x: Tensor, t: Tensor) -> Tensor:
    return push(informed(x, t), blind(x, t), SCALE, x.shape[1])


def _alternated(
    jobs: Mapping[str, Callable[[], object]], repeats: int, device: torch.device
) -> dict[str, float]:
    """Median milliseconds of each job, after one run of each to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(repeats + 1):
        for name, job in jobs.items():
            started = time.perf_counter()
            job()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            taken[name].append(1e3 * (time.perf_counter() - started))
    return {name: median(times[1:]) for name, times in taken.items()}
