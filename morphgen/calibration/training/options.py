"""What a training may be asked to do. No torch here: requests are checked without it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from morphgen.errors import BackendError, InputError

SMOOTHINGS = ("straight-through", "probit", "logistic")
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "float32", "bfloat16")

_LAYER = re.compile(r"k(\d+)n(\d+)s(\d+)")


@dataclass(frozen=True)
class Layer:
    """One convolution: kernel edge, feature maps and stride, as in ``k4n64s2``."""

    kernel: int
    maps: int
    stride: int


def parse_layers(text: str) -> tuple[Layer, ...]:
    """Read layers such as ``k4n32s2,k4n64s2``.

    Raises
    ------
    InputError
        If an entry is no layer, or a number in it is 0.
    """
    layers = []
    for part in text.split(","):
        found = _LAYER.fullmatch(part.strip())
        if found is None or "0" in found.groups():
            raise InputError(
                f"{part.strip()!r} is no layer; expected kernel, feature maps and stride, as in "
                "k4n64s2, with commas between layers"
            )
        layers.append(Layer(*map(int, found.groups())))
    return tuple(layers)


def receptive_field(layers: tuple[Layer, ...]) -> int:
    """Edge of the square of pixels that one output of the layers sees."""
    edge, step = 1, 1
    for layer in layers:
        edge += (layer.kernel - 1) * step
        step *= layer.stride
    return edge


@dataclass(frozen=True)
class TrainingOptions:
    """Options of a training; none of the defaults is the paper's, which states none.

    Parameters
    ----------
    steps : int, optional
        Most steps, 800 by default, 300 for sampled coverage functions; a training may end
        earlier.
    crop : int, optional
        Edge of the crops that discriminators see, in pixels; 12 correlation lengths by default.
    batch : int
        Real and simulated crops per step, each.
    weight : float
        Weight of the adversarial loss beside the coverage loss (method combined).
    discriminator : str
        Layers, such as ``k4n32s2,k4n64s2``: kernel, feature maps, stride.
    smoothing : {"straight-through", "probit", "logistic"}
        What replaces the step of a threshold: in the backward pass alone, or in both. A
        discriminator sees straight-through sections whatever is chosen.
    device : {"auto", "cpu", "cuda"}
        Where sections are drawn; auto takes CUDA where it works.
    precision : {"auto", "float32", "bfloat16"}
        Arithmetic of the discriminators' convolutions, and of nothing else; auto takes bfloat16
        on a CUDA device that computes in it, float32 elsewhere.
    score_every : int
        Steps between two scores on the part of the sections that was held out.
    patience : int
        Scores without a better one after which training ends.
    checkpoint : Path, optional
        Where the state is kept while training lasts; nowhere by default.
    resume : bool
        Continue from the checkpoint, if there is one.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    steps: int | None = None
    crop: int | None = None
    batch: int = 8
    weight: float = 1.0
    discriminator: str = "k4n32s2,k4n64s2,k4n128s2,k4n1s1"
    smoothing: str = "straight-through"
    device: str = "auto"
    precision: str = "auto"
    score_every: int = 50
    patience: int = 6
    checkpoint: Path | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if self.steps is not None:
            _check_count("steps", self.steps, 1)
        for name in ("batch", "score_every", "patience"):
            _check_count(name, getattr(self, name), 1)
        if self.crop is not None:
            _check_count("crop", self.crop, 16)
        if not 0.0 < self.weight < float("inf"):
            raise InputError(f"weight is {self.weight!r}: expected a number > 0")
        for name, known in (
            ("smoothing", SMOOTHINGS),
            ("device", DEVICES),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}: expected {' or '.join(known)}"
                )
        if self.batch % 2:
            raise InputError(f"batch is {self.batch}: expected an even number")
        parse_layers(self.discriminator)


def require_torch() -> None:
    """Refuse a training where torch is missing.

    Raises
    ------
    BackendError
        With what to install.
    """
    try:
        import torch  # noqa: F401, PLC0415 - the closed form must not load it
    except ImportError as error:
        raise BackendError(
            "training needs torch, which is not installed; run: pip install 'morphgen[calibrate]'"
        ) from error


def _check_count(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} is {value!r}: expected an integer of at least {least}")
