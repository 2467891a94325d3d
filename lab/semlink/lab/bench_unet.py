"""What the diffusion network costs, as published and as it runs here: a step, and a picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch
from torch import Tensor

from semlink.core.pictures import Size
from semlink.core.schemes import Scheme
from semlink.core.settings import ReceiverSettings, settings_from_fields
from semlink.receiver.device import FAST_BF16, pick_device, pick_dtype
from semlink.receiver.diffusion.guidance import guided, push
from semlink.receiver.diffusion.samplers import Denoise
from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig
from semlink.receiver.diffusion.weights import load_diffusion
from semlink.zoo import find

REPEATS = 5
PUBLISHED_STEPS = 1000
NETWORKS = ("gesco-camvid", "spic-camvid")
LAYOUT = "published layout, 64 base channels"
LAYOUT_CONFIG = UNetConfig(map_channels=36, model_channels=64)  # Cityscapes' classes, and edges
LAYOUT_SIZES = {"cuda": Size(256, 512)}  # the published size
SMALL_SIZE = Size(64, 128)  # where a step of the published size takes a minute
LEFT_OUT = f"bfloat16 is left out: this processor has neither {' nor '.join(FAST_BF16)}."


@dataclass(frozen=True)
class UnetCost:
    """One network in one number format; times are medians of runs that alternate.

    Attributes:
        name: of the network.
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        dtype: number format.
        steps: of a picture at default settings.
        published_ms: a guided step as published: the map is read at every step, and the network
            asked twice.
        ours_ms: a guided step of a network that has read the map before and is asked once.
        prepare_ms: reading the map, once a picture.
        kept_bytes: memory of what was read, both branches.
        difference: largest between the answers of the two ways, over the largest value.
        rounding: what bfloat16 does to the published way's answer, measured alike; 0 in float32.
    """

    name: str
    height: int
    width: int
    dtype: str
    steps: int
    published_ms: float
    ours_ms: float
    prepare_ms: float
    kept_bytes: int
    difference: float
    rounding: float

    @property
    def step_ratio(self) -> float:
        """Times as fast as published, a step."""
        return self.published_ms / self.ours_ms

    @property
    def published_s(self) -> float:
        """Seconds of a picture of `PUBLISHED_STEPS` steps as published, by extrapolation."""
        return PUBLISHED_STEPS * self.published_ms / 1e3

    @property
    def ours_s(self) -> float:
        """Seconds of a picture at default settings, by extrapolation."""
        return (self.prepare_ms + self.steps * self.ours_ms) / 1e3

    @property
    def picture_ratio(self) -> float:
        """Times as fast as published, a picture."""
        return self.published_s / self.ours_s


@dataclass(frozen=True)
class UnetBench:
    """All measurements.

    Attributes:
        device: as torch names it.
        threads: of the processor.
        repeats: runs of which each time is the median.
        costs: in order.
        left_out: what was not measured, and why; empty for nothing.
    """

    device: str
    threads: int
    repeats: int
    costs: tuple[UnetCost, ...]
    left_out: str = ""


def measure(
    networks: Sequence[str] = (),
    *,
    device: str | None = None,
    repeats: int = REPEATS,
    compiled: bool = False,
) -> UnetBench:
    """Times both ways on the same weights, in float32, and in bfloat16 where that is fast.

    Args:
        networks: by zoo name or folder, at the size of their training; none for the published
            layout with random weights, and the shipped ones.
        device: as torch names it; None for the best there is.
        repeats: runs of each, at least 1.
        compiled: whether torch.compile may work on each network first, for minutes.
    """
    where = pick_device(device)
    fast = pick_dtype(where)
    formats = dict.fromkeys((torch.float32, fast))
    costs: list[UnetCost] = []
    for name in networks or (LAYOUT, *NETWORKS):
        costs += _costs(name, where, list(formats), repeats, compiled=compiled)
    left_out = LEFT_OUT if fast == torch.float32 else ""
    return UnetBench(str(where), torch.get_num_threads(), repeats, tuple(costs), left_out)


def published(net: SpadeUNet, class_map: Tensor, low_res: Tensor | None, scale: float) -> Denoise:
    """A guided denoiser as the publications have it: two passes, each of which reads its map.

    Everything below that is ours (attention, memory format), so that a comparison shows what
    reading once and asking once are worth, and no more.
    """
    return partial(_published_step, net, class_map, low_res, scale)


def _published_step(
    net: SpadeUNet, class_map: Tensor, low_res: Tensor | None, scale: float, x: Tensor, t: Tensor
) -> Tensor:
    informed, blind = (
        net(x, t, net.modulations(one), low_res)
        for one in (class_map, torch.zeros_like(class_map))
    )
    return push(informed, blind, scale, x.shape[1])


def _costs(
    name: str,
    device: torch.device,
    formats: Sequence[torch.dtype],
    repeats: int,
    *,
    compiled: bool,
) -> Iterator[UnetCost]:
    exact: Tensor | None = None
    for dtype in formats:
        net, size = _network(name, device, dtype)
        if compiled:
            net.compile(dynamic=False)
        cost, answer = _cost(name, net, size, repeats, exact)
        exact = answer if exact is None else exact
        yield cost


def _network(name: str, device: torch.device, dtype: torch.dtype) -> tuple[SpadeUNet, Size]:
    if name == LAYOUT:
        return _random_network(device, dtype), LAYOUT_SIZES.get(device.type, SMALL_SIZE)
    net, config = load_diffusion(find(name), device, dtype)
    return net, Size(config.height, config.width)


def _random_network(device: torch.device, dtype: torch.dtype) -> SpadeUNet:
    """No layer is zero, as some are before training: a network of zeros is equal to anything."""
    net = SpadeUNet(LAYOUT_CONFIG)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in net.parameters():
            if weights.ndim > 1:
                scale = weights[0].numel() ** -0.5
                weights.copy_(scale * torch.randn(weights.shape, generator=generator))
    placed = net.to(device, dtype).eval()
    return placed.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


@torch.inference_mode()
def _cost(
    name: str, net: SpadeUNet, size: Size, repeats: int, exact: Tensor | None
) -> tuple[UnetCost, Tensor]:
    """The cost, and the published way's answer in float32."""
    settings = _receiver_settings(net)
    class_map, low_res, x, t = _question(net, size)
    reading = partial(guided, net, class_map, scale=settings.guidance, low_res=low_res)
    theirs, ours = published(net, class_map, low_res, settings.guidance), reading()
    answer, found = theirs(x, t).float(), ours(x, t).float()
    jobs: dict[str, Callable[[], object]] = {
        "published": partial(theirs, x, t),
        "ours": partial(ours, x, t),
        "prepare": reading,
    }
    taken = _alternated(jobs, repeats, x.device)
    cost = UnetCost(
        name=name,
        height=size.height,
        width=size.width,
        dtype=str(x.dtype).removeprefix("torch."),
        steps=settings.steps,
        published_ms=taken["published"],
        ours_ms=taken["ours"],
        prepare_ms=taken["prepare"],
        kept_bytes=ours.prepared.kept_bytes,
        difference=_difference(found, answer),
        rounding=0.0 if exact is None else _difference(answer, exact),
    )
    return cost, answer


def _receiver_settings(net: SpadeUNet) -> ReceiverSettings:
    """The defaults of the scheme whose networks take what this one takes."""
    scheme = Scheme.SPIC if net.config.low_res_channels else Scheme.GESCO
    return settings_from_fields({"scheme": scheme}).receiver


def _question(net: SpadeUNet, size: Size) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """Map of stripes, coarse picture if the network takes one, noise, timestep."""
    like = next(net.parameters())
    generator = torch.Generator().manual_seed(0)
    config = net.config
    labels = torch.arange(size.width) * config.map_channels // size.width
    striped = labels == torch.arange(config.map_channels)[:, None]
    class_map = striped[None, :, None].expand(1, -1, *size).to(like)
    low_res = None
    if config.low_res_channels:
        coarse = 1, config.low_res_channels, size.height // 4, size.width // 4
        low_res = (2 * torch.rand(coarse, generator=generator) - 1).to(like)
    x = torch.randn(1, config.image_channels, *size, generator=generator).to(like)
    return class_map, low_res, x, torch.full((1,), 500.0, device=like.device)


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max())


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
