from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from semlink.core.frame import Gains, Propagation, StreamDraw
from semlink.core.headers import MapHeader
from semlink.core.message import Message, SamplesPayload
from semlink.core.phy.modulation import modulate
from semlink.core.phy.radio import Radio
from semlink.core.pictures import Size
from semlink.core.schemes import Scheme
from semlink.core.serving import RunningServer, running_server

# A first call may import torch; how long one example takes says nothing.
hypothesis.settings.register_profile("semlink", deadline=None)
hypothesis.settings.load_profile("semlink")

REPOSITORY = Path(__file__).parent.parent

FrontOf = Callable[[str], AbstractContextManager[RunningServer]]


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of data sets that no repository may hold."""
    return Path(os.environ.get("SEMLINK_DATA", REPOSITORY.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def camvid(data_root: Path) -> Path:
    root = data_root / "camvid"
    if not root.is_dir():
        pytest.skip(f"no CamVid at {root}; point SEMLINK_DATA at the folder that holds camvid/")
    return root


@pytest.fixture(scope="session")
def tiny_gesco(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a diffusion network for CamVid's classes: untrained, small, all weights alive."""
    folder = tmp_path_factory.mktemp("zoo") / "tiny-gesco"
    _save_tiny_network(folder, low_res_channels=0)
    return folder


@pytest.fixture(scope="session")
def tiny_spic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a coarse picture as further input."""
    folder = tmp_path_factory.mktemp("zoo") / "tiny-spic"
    _save_tiny_network(folder, low_res_channels=3)
    return folder


def _save_tiny_network(folder: Path, low_res_channels: int) -> None:
    import torch

    from semlink.receiver.diffusion.unet import SpadeUNet, UNetConfig
    from semlink.receiver.diffusion.weights import DiffusionConfig, save_diffusion

    network = UNetConfig(
        map_channels=12,
        model_channels=32,
        channel_mult=(1, 1),
        res_blocks=(0, 1),
        attention_downsamplings=(2,),
        head_channels=16,
        low_res_channels=low_res_channels,
        learn_sigma=False,
        resample="plain",
        spade_hidden=8,
        spade_kernel=1,
        map_resize="area",
        map_stem=True,
        patch=4,
    )
    config = DiffusionConfig(
        network=network,
        schedule="shifted-cosine",
        prediction="clean",
        taxonomy="camvid",
        height=64,
        width=96,
    )
    generator = torch.Generator().manual_seed(1)
    weights = {
        name: 0.1 * torch.randn(value.shape, generator=generator)
        for name, value in SpadeUNet(network).state_dict().items()
    }
    save_diffusion(folder, config, weights)


@pytest.fixture(scope="session")
def tiny_sqgan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an SQ-GAN for CamVid's classes, 16 pixels to a token: untrained and small."""
    import torch

    from semlink.core.sqgan.config import SqganConfig, StreamConfig
    from semlink.core.sqgan.weights import SqganFolder, save_sqgan
    from semlink.receiver.sqgan.network import SqganDecoder
    from semlink.transmitter.sqgan.network import SqganEncoder

    stream = StreamConfig(
        channels=32,
        channel_mult=(1, 1, 1),
        encoder_blocks=1,
        decoder_blocks=1,
        patch=4,
        codes=16,
        demask_blocks=1,
    )
    network = SqganConfig(
        map_channels=12,
        latent_channels=32,
        spade_hidden=8,
        spade_kernel=1,
        map_resize="area",
        picture=stream,
        map=stream,
    )
    with torch.device("meta"):
        shapes = SqganEncoder(network).state_dict() | SqganDecoder(network).state_dict()
    generator = torch.Generator().manual_seed(3)
    weights = {
        name: 0.2 * torch.randn(value.shape, generator=generator) for name, value in shapes.items()
    }
    folder = tmp_path_factory.mktemp("zoo") / "tiny-sqgan"
    config = SqganFolder(network=network, taxonomy="camvid", height=64, width=96)
    save_sqgan(folder, config, weights)
    return folder


@pytest.fixture(scope="session")
def tiny_sgc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a latent diffusion network for CamVid's classes: untrained, small."""
    import torch
    from diffusers import UNet2DModel, VQModel

    from semlink.receiver.latent.conditioning import OneHot
    from semlink.receiver.latent.weights import LatentConfig, LatentModels, save_latent

    models = LatentModels(
        autoencoder=VQModel(  # type: ignore[no-untyped-call]
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            block_out_channels=(8, 8, 8),
            norm_num_groups=4,
            num_vq_embeddings=64,
            mid_block_add_attention=False,
        ),
        unet=UNet2DModel(  # type: ignore[no-untyped-call]
            in_channels=3 + 12,
            out_channels=3,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=4,
        ),
        conditioning=OneHot(12),
        scheduler={"beta_schedule": "scaled_linear", "clip_sample": False}
        | {"beta_start": 0.0015, "beta_end": 0.0205},
    )
    generator = torch.Generator().manual_seed(4)
    for model in (models.autoencoder, models.unet):
        for weights in model.parameters():
            weights.data = 0.25 * torch.randn(weights.shape, generator=generator)
    folder = tmp_path_factory.mktemp("zoo") / "tiny-sgc"
    save_latent(folder, LatentConfig(taxonomy="camvid", height=64, width=96), models)
    return folder


@pytest.fixture(scope="session")
def tiny_segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a segmentation network for CamVid's classes: untrained and small."""
    from semlink.core.taxonomy import CAMVID

    folder = tmp_path_factory.mktemp("zoo") / "tiny-segmenter"
    _save_tiny_segmenter(folder, CAMVID.classes)
    return folder


@pytest.fixture(scope="session")
def tiny_cityscapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for Cityscapes' classes, without void, as published ones are."""
    from semlink.core.taxonomy import TAXONOMIES

    folder = tmp_path_factory.mktemp("zoo") / "tiny-cityscapes"
    _save_tiny_segmenter(folder, TAXONOMIES["cityscapes"].classes[:-1])
    return folder


def _save_tiny_segmenter(folder: Path, classes: tuple[str, ...]) -> None:
    import torch
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    config = SegformerConfig(
        depths=[1] * 4,
        hidden_sizes=[8] * 4,
        num_attention_heads=[1] * 4,
        decoder_hidden_size=8,
        id2label=dict(enumerate(classes)),
    )
    model = SegformerForSemanticSegmentation(config)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:  # else biases outweigh the photo, and the map has one class
                weights.copy_(0.3 * torch.randn(weights.shape, generator=generator))
    model.save_pretrained(folder)


@pytest.fixture(scope="session")
def link_front(
    front_of: FrontOf, tiny_gesco: Path, tiny_spic: Path, tiny_sgc: Path, tiny_sqgan: Path
) -> Iterator[RunningServer]:
    """The transmitter of a whole link: three services on free ports, in a thread."""
    from semlink.receiver.service import receiver_service
    from semlink.receiver.settings import ReceiverServerSettings

    networks = (str(tiny_gesco), str(tiny_spic), str(tiny_sgc), str(tiny_sqgan))
    settings = ReceiverServerSettings(networks=networks, device="cpu")

    async def start(stack: AsyncExitStack) -> RunningServer:
        receiver = await stack.enter_async_context(running_server(receiver_service(settings)))
        await receiver.ready
        return receiver

    with in_a_thread(start) as receiver, front_of(receiver.address) as front:
        yield front


@pytest.fixture(scope="session")
def link_address(link_front: RunningServer) -> str:
    """HOST:PORT of the gRPC service of the whole link's transmitter."""
    return link_front.address


@pytest.fixture(scope="session")
def link_url(link_front: RunningServer) -> str:
    """http://HOST:PORT of its REST interface."""
    return link_front.doors[0]


@pytest.fixture(scope="session")
def front_of(tiny_segmenter: Path, tiny_sqgan: Path) -> FrontOf:
    """Channel and transmitter before the receiver at some address: the transmitter."""
    from semlink.channel.service import channel_service
    from semlink.channel.settings import ChannelServerSettings
    from semlink.transmitter.service import transmitter_service
    from semlink.transmitter.settings import TransmitterServerSettings

    def front(receiver_address: str) -> AbstractContextManager[RunningServer]:
        carrying = ChannelServerSettings(receiver_address=receiver_address)

        async def start(stack: AsyncExitStack) -> RunningServer:
            channel = await stack.enter_async_context(running_server(channel_service(carrying)))
            sending = TransmitterServerSettings(
                segmenters=(str(tiny_segmenter),),
                tokenizers=(str(tiny_sqgan),),
                device="cpu",
                rest_port=0,
                channel_address=channel.address,
            )
            sender = await stack.enter_async_context(running_server(transmitter_service(sending)))
            await asyncio.gather(channel.ready, sender.ready)
            return sender

        return in_a_thread(start)

    return front


@contextmanager
def in_a_thread(
    start: Callable[[AsyncExitStack], Awaitable[RunningServer]],
) -> Iterator[RunningServer]:
    """A server on an event loop of its own; it ends, and what it entered, with the context."""
    found: Future[RunningServer] = Future()
    stop = threading.Event()

    async def serve() -> None:
        try:
            async with AsyncExitStack() as stack:
                found.set_result(await start(stack))
                await asyncio.to_thread(stop.wait)
        except BaseException as error:
            if not found.done():
                found.set_exception(error)
            raise

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield found.result(timeout=300)
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="session")
def arrived() -> Propagation:
    """A noisy GESCO frame of three of CamVid's classes: photo 70x110, working picture 64x96."""
    generator = np.random.default_rng(5)
    present = (0, 3, 7)
    labels = np.zeros((64, 96), np.int64)
    labels[30:], labels[40:, 50:] = 1, 2
    samples = (labels == np.arange(3)[:, None, None]).astype(np.float32)
    header = MapHeader(Size(70, 110), Size(64, 96), "camvid", 12, present)
    payload = SamplesPayload("map", samples, peak=1.0)
    message = Message(Scheme.GESCO, header.to_bytes(), (payload,))
    frame = modulate(message, Radio(free_header=True))
    (stream,) = frame.streams
    noise = 0.2 * generator.standard_normal((2, stream.symbols.size))
    symbols = (stream.symbols + noise[0] + 1j * noise[1]).astype(np.complex64)
    draw = StreamDraw("map", 0.08, 0.08, 8.0, 14.0, 0.0)
    gains = Gains(np.ones(1, np.complex64), symbols.size)
    noisy = replace(frame, streams=(replace(stream, symbols=symbols),))
    return Propagation(noisy, (draw,), (gains,))
