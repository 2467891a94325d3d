from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from semlink.lab.training.networks import NETWORKS
from semlink.receiver.diffusion.unet import SpadeUNet

BOUNDS = {"small": (6.1e6, 3.5e9), "base": (14e6, 10e9)}


@pytest.mark.parametrize("name", NETWORKS)
def test_parameters_and_operations_stay_within_bounds(name: str) -> None:
    parameters, operations = BOUNDS[name]
    with torch.device("meta"), torch.no_grad():
        net = SpadeUNet(NETWORKS[name])
        modulations = net.modulations(torch.empty(1, 12, 192, 256))
        with FlopCounterMode(display=False) as counter:
            answer = net(torch.empty(1, 3, 192, 256), torch.empty(1), modulations)
    assert answer.shape == (1, 3, 192, 256)
    assert 0.85 * parameters < sum(p.numel() for p in net.parameters()) <= parameters
    assert 0.8 * operations < counter.get_total_flops() <= operations
