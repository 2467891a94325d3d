"""Shapes of the GESCO networks that are trained here, for CamVid's classes."""

from __future__ import annotations

from semlink.receiver.diffusion.unet import UNetConfig


def _camvid(
    channel_mult: tuple[int, ...],
    res_blocks: tuple[int, ...],
    attention_downsamplings: tuple[int, ...],
) -> UNetConfig:
    """Patches of 4 pixels and plain resampling: quick on a processor."""
    return UNetConfig(
        map_channels=12,
        model_channels=32,
        channel_mult=channel_mult,
        res_blocks=res_blocks,
        attention_downsamplings=attention_downsamplings,
        head_channels=32,
        learn_sigma=False,
        resample="plain",
        spade_hidden=32,
        spade_kernel=1,
        map_resize="area",
        map_stem=True,
        patch=4,
    )


NETWORKS: dict[str, UNetConfig] = {
    "small": _camvid((2, 3, 4, 5), (0, 1, 1, 1), (8,)),
    "base": _camvid((3, 4, 6, 7), (1, 1, 1, 1), (4, 8)),
}
"""At 192x256, one call: small 6.0 M parameters, 3.0 GFLOP; base 12.6 M, 8.8 GFLOP."""
