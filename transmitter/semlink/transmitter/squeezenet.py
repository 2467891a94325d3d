"""SqueezeNet 1.0 as a backbone of transformers' segmenters (Iandola et al., arXiv:1602.07360).

transformers has no SqueezeNet of its own. Importing this module registers one, so that
`UperNetForSemanticSegmentation` and any other model with a `backbone_config` can stand on it.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoBackbone, AutoConfig, PretrainedConfig, PreTrainedModel
from transformers.backbone_utils import BackboneConfigMixin, BackboneMixin
from transformers.modeling_outputs import BackboneOutput

STAGES = {  # squeeze channels of the Fire modules of each stage; a module puts out 8 times as many
    "stem": (),
    "fire4": (16, 16, 32),
    "fire8": (32, 48, 48, 64),
    "fire9": (64,),
}
STEM_CHANNELS = 96


class SqueezeNetConfig(BackboneConfigMixin, PretrainedConfig):  # type: ignore[no-untyped-call]
    """Chooses the stages that feed the head, of "stem", "fire4", "fire8" and "fire9".

    They are a half, a quarter, an eighth and a sixteenth of the picture in size.
    """

    model_type = "semlink_squeezenet"

    def __init__(
        self,
        out_features: list[str] | None = None,
        out_indices: list[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stage_names = list(STAGES)
        self.set_output_features_output_indices(out_features=out_features, out_indices=out_indices)


class Fire(nn.Module):
    """Squeeze to few channels, expand by 1x1 and 3x3 kernels side by side."""

    def __init__(self, in_channels: int, squeeze: int) -> None:
        super().__init__()
        self.squeeze1x1 = nn.Conv2d(in_channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, 4 * squeeze, 1)
        self.expand3x3 = nn.Conv2d(squeeze, 4 * squeeze, 3, padding=1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """All activations are ReLU."""
        x = functional.relu(self.squeeze1x1(x))
        return functional.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


class SqueezeNetBackbone(BackboneMixin, PreTrainedModel):  # type: ignore[no-untyped-call]
    """The convolutions of SqueezeNet 1.0, padded so that strides divide the picture evenly.

    Parameter names are those of the published release (`conv1`, `fire2.squeeze1x1`, ...), so its
    weights load as they are; the input is RGB normalised as the preprocessor's config says.
    """

    config_class = SqueezeNetConfig
    main_input_name = "pixel_values"
    has_attentions = False

    def __init__(self, config: SqueezeNetConfig) -> None:
        super().__init__(config)
        self.conv1 = nn.Conv2d(3, STEM_CHANNELS, 7, stride=2, padding=3)
        self.num_features = [STEM_CHANNELS]
        channels, number = STEM_CHANNELS, 2
        for squeezes in list(STAGES.values())[1:]:
            for squeeze in squeezes:
                setattr(self, f"fire{number}", Fire(channels, squeeze))
                channels, number = 8 * squeeze, number + 1
            self.num_features.append(channels)
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(  # type: ignore[override] # the superclass names options that are not ours
        self, pixel_values: Float[Tensor, "b 3 h w"], **_: Any
    ) -> BackboneOutput:
        """Return the feature maps of the stages named by `config.out_features`."""
        features = {"stem": functional.relu(self.conv1(pixel_values))}
        x, number = features["stem"], 2
        for stage, squeezes in list(STAGES.items())[1:]:
            x = functional.max_pool2d(x, 3, stride=2, padding=1)
            for _squeeze in squeezes:
                x, number = getattr(self, f"fire{number}")(x), number + 1
            features[stage] = x
        maps: Any = tuple(features[name] for name in self.out_features)
        return BackboneOutput(feature_maps=maps)


def register() -> None:
    """Make transformers' Auto classes know the backbone; calling it again changes nothing."""
    AutoConfig.register(SqueezeNetConfig.model_type, SqueezeNetConfig, exist_ok=True)
    AutoBackbone.register(SqueezeNetConfig, SqueezeNetBackbone, exist_ok=True)
