"""What is set for a training is put back, and ``auto`` takes what the device is made for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from morphgen.calibration.training.arithmetic import chosen_precision, fixed_arithmetic

CUDA = torch.device("cuda")


def settings() -> tuple[object, ...]:
    library = torch.backends.cudnn
    own = (library.benchmark, library.deterministic, library.conv.fp32_precision)
    return torch.get_num_threads(), *own


@pytest.fixture(params=["tf32", "ieee"])
def own(request: pytest.FixtureRequest) -> Iterator[str]:
    """A setting of the user's own, by torch's newer switches."""
    convolutions = torch.backends.cudnn.conv
    before = convolutions.fp32_precision
    convolutions.fp32_precision = request.param
    yield request.param
    convolutions.fp32_precision = before


def test_settings_are_put_back(own: str) -> None:
    before = settings()
    assert before[-1] == own

    def interrupted() -> None:
        with fixed_arithmetic(1):
            # float32 is float32, and the same at every run
            assert settings() == (1, False, True, "ieee")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert settings() == before


def test_precision_of_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen_precision("auto", torch.device("cpu")) == "float32"
    for able, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda able=able, **_: able)
        assert chosen_precision("auto", CUDA) == expected
    assert chosen_precision("bfloat16", CUDA) == "bfloat16"
    assert chosen_precision("float32", CUDA) == "float32"
