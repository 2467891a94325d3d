from __future__ import annotations

import pytest
import torch

from semlink.core.errors import InvalidInput
from semlink.receiver.device import pick_device, pick_dtype


def test_named_device_is_taken() -> None:
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(("gpu", "expected"), [(True, "cuda"), (False, "cpu")])
def test_gpu_where_there_is_one(gpu: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert pick_device().type == expected


@pytest.mark.parametrize("name", ["toaster", "cuda:99"])
def test_unknown_device_is_named(name: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        pick_device(name)


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({"avx2": True}, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"amx_bf16": False}, torch.float32),
    ],
)
def test_bf16_only_where_it_is_fast(
    features: dict[str, bool], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    assert pick_dtype(torch.device("cpu")) is expected


def test_gpus_use_bf16() -> None:
    assert pick_dtype(torch.device("cuda")) is torch.bfloat16
