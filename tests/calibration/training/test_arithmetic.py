"""What is set for a training is put back, and ``auto`` takes what the device is made for."""

from __future__ import annotations

import pytest
import torch

from morphgen.calibration.training.arithmetic import chosen_precision, fixed_arithmetic

CUDA = torch.device("cuda")


def settings() -> tuple[object, ...]:
    library = torch.backends.cudnn
    own = (library.enabled, library.benchmark, library.deterministic, library.allow_tf32)
    return torch.get_num_threads(), *own


def test_settings_are_put_back() -> None:
    before = settings()

    def interrupted() -> None:
        with fixed_arithmetic(1):
            # float32 is float32, and the same at every run
            assert settings() == (1, before[1], False, True, False)
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
