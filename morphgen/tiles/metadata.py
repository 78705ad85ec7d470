"""What a volume store says about itself: the attributes of its Zarr group.

The attribute ``morphgen`` holds what determines every voxel, and where the store comes from;
``ome`` holds what viewers want (see `morphgen.tiles.ome`).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import operator
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from morphgen.devices import find
from morphgen.errors import InputError, MorphgenError, StoreError
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.profile import Profile
from morphgen.excursion.profile_files import parse_profile, profile_record
from morphgen.excursion.realization import Realization
from morphgen.excursion.storage import dump_model, parse_model
from morphgen.fields.blocks import Index, Periods
from morphgen.fields.noise import NOISE_VERSION
from morphgen.fields.synthesis import SYNTHESIS_VERSION
from morphgen.tiles.backends import Backend
from morphgen.tiles.downsample import METHODS
from morphgen.tiles.grid import BlockGrid, volume_shape
from morphgen.tiles.ome import AXES, ome_attributes

FORMAT = "morphgen-volume"
FORMAT_VERSION = 2
# of stores without a profile, which versions that do not know profiles read as well
_PLAIN = 1

_DEFAULT_CHUNKS = (128, 96, 64)
_SMALLEST_CHUNK = 8


@dataclass(frozen=True)
class VolumeRecord:
    """What determines every voxel of a volume, and every byte of its store.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    seed : int
        Seed of the noise.
    shape : tuple of 3 ints
        Voxels along (z, y, x).
    periodic : tuple of str
        Axes along which the structure repeats with the volume's side, among ``z``, ``y``, ``x``.
    chunk : int
        Edge of the inner chunks of a shard, in voxels.
    backend : Backend
        Library and device that compute the blocks. A store keeps the kind of the device alone.
    versions : dict of str
        Versions of the packages that determine the bytes.
    levels : int
        Number of coarser levels, each of half the resolution of the one before.
    downsample : {"majority", "nearest"}
        How they are made.
    origin : dict of str
        When and on what kind of machine the store was created.
    exact : bool
        Whether every field is synthesised voxel by voxel; see `Realization`.
    synthesis_version : int
        Version of the way from noise to labels.
    profile : Profile, optional
        Volume fractions that vary along an axis, at positions in the model's unit.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    model: ExcursionModel
    seed: int
    shape: Index
    periodic: tuple[str, ...]
    chunk: int
    backend: Backend
    versions: dict[str, str] = field(default_factory=dict, compare=False)
    noise_version: int = NOISE_VERSION
    levels: int = 0
    downsample: str = METHODS[0]
    origin: dict[str, str] = field(default_factory=dict, compare=False)
    exact: bool = False
    synthesis_version: int = SYNTHESIS_VERSION
    profile: Profile | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", volume_shape(self.shape))
        object.__setattr__(self, "seed", checked_seed(self.seed))
        object.__setattr__(self, "periodic", checked_axes(self.periodic))
        object.__setattr__(self, "chunk", inner_chunk(self.realization().block_edge, self.chunk))
        object.__setattr__(self, "levels", checked_levels(self.levels, self.grid))
        if self.downsample not in METHODS:
            raise InputError(
                f"downsample is {self.downsample!r}: expected one of {', '.join(METHODS)}"
            )

    @property
    def grid(self) -> BlockGrid:
        """Blocks of the volume."""
        return BlockGrid(self.shape, self.realization().block_edge)

    def grid_of(self, level: int) -> BlockGrid:
        """Blocks of a level; 0 is the volume itself."""
        grid = self.grid
        for _ in range(level):
            grid = grid.halved()
        return grid

    @property
    def periods(self) -> Periods:
        """Period along each axis in voxels, or None."""
        return periods_of(self.shape, self.periodic)

    def realization(self) -> Realization:
        """Realization whose window at (0, 0, 0) is the volume."""
        return Realization(self.model, self.seed, self.periods, self.exact, self.profile)

    def attributes(self) -> dict[str, Any]:
        """Attributes of the Zarr group."""
        text = dump_model(self.model)
        own = {
            "format": FORMAT,
            "format_version": _PLAIN if self.profile is None else FORMAT_VERSION,
            "state": "ready",
            "model": json.loads(text),
            "model_sha256": model_hash(self.model),
            "seed": self.seed,
            "shape": list(self.shape),
            "periodic": list(self.periodic),
            "block_edge": self.realization().block_edge,
            "chunk": self.chunk,
            # whoever computes a block chooses among the devices of that kind
            "backend": {"name": self.backend.name, "device": self.backend.kind},
            "noise_version": self.noise_version,
            "synthesis": {
                "version": self.synthesis_version,
                "exact": self.exact,
                "lattices": _lattices(self),
            },
            "versions": dict(self.versions),
            "pyramid": {"levels": self.levels, "downsample": self.downsample},
            "origin": dict(self.origin),
        }
        if self.profile is not None:
            own["profile"] = profile_record(self.profile)
        return {"morphgen": own, "ome": ome_attributes(self.model, self.levels, self.downsample)}

    def identity(self) -> str:
        """Hash of everything that a block of the volume depends on."""
        own = self.attributes()["morphgen"]
        # levels can be added later, and the same volume can be made at any time
        del own["pyramid"], own["origin"]
        return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()

    def differences(self, other: VolumeRecord) -> list[str]:
        """What keeps a volume of ``other`` from being continued as one of this record."""
        pairs: list[tuple[str, Any, Any]] = [
            ("model (sha256)", model_hash(self.model)[:12], model_hash(other.model)[:12]),
            ("seed", self.seed, other.seed),
            ("shape", self.shape, other.shape),
            (
                "periodic axes",
                ",".join(self.periodic) or "none",
                ",".join(other.periodic) or "none",
            ),
            ("chunk", self.chunk, other.chunk),
            ("backend", _shown(self.backend), _shown(other.backend)),
            ("noise version", self.noise_version, other.noise_version),
            ("synthesis version", self.synthesis_version, other.synthesis_version),
            ("synthesis", _precision(self), _precision(other)),
            ("profile", _profile_hash(self.profile), _profile_hash(other.profile)),
            # another version may compute other blocks from the same noise
            ("morphgen", self.versions.get("morphgen"), other.versions.get("morphgen")),
        ]
        if self.levels and other.levels:
            pairs.append(("downsampling", self.downsample, other.downsample))
        return [f"{name} {theirs}, not {ours}" for name, ours, theirs in pairs if ours != theirs]


def parse_attributes(attributes: Any) -> VolumeRecord:
    """Record of a store from the attributes of its group.

    Raises
    ------
    StoreError
        If they are damaged, or were written by a newer morphgen.
    """
    own = attributes["morphgen"]
    if own.get("format_version") not in (_PLAIN, FORMAT_VERSION):
        raise StoreError(
            f"format version {own.get('format_version')!r}: this morphgen reads up to "
            f"{FORMAT_VERSION}; a newer volume needs a newer morphgen"
        )
    try:
        record = VolumeRecord(
            model=parse_model(json.dumps(own["model"])),
            seed=own["seed"],
            shape=tuple(own["shape"]),
            periodic=tuple(own["periodic"]),
            chunk=own["chunk"],
            backend=_recorded_backend(own["backend"]),
            versions={str(k): str(v) for k, v in own["versions"].items()},
            noise_version=int(own["noise_version"]),
            exact=bool(own["synthesis"]["exact"]),
            synthesis_version=int(own["synthesis"]["version"]),
            profile=parse_profile(own["profile"]) if "profile" in own else None,
            **_pyramid(own.get("pyramid", {})),
            origin={str(k): str(v) for k, v in own.get("origin", {}).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, MorphgenError) as error:
        raise StoreError(f"its description is damaged ({error}); generate it anew") from error
    if _lattices(record) != own["synthesis"].get("lattices"):
        raise StoreError(
            "its fields were synthesised on other lattices than this morphgen would choose here; "
            f"use the morphgen {record.versions.get('morphgen')} and the machine that began it"
        )
    if record.grid.edge != own.get("block_edge"):
        raise StoreError(
            f"blocks of {own.get('block_edge')} voxels, where this morphgen makes blocks of "
            f"{record.grid.edge}; use the morphgen {record.versions.get('morphgen')}"
        )
    return record


def periods_of(shape: Index, periodic: Sequence[str]) -> Periods:
    """Periods of a volume whose structure repeats along some axes."""
    z, y, x = (side if axis in periodic else None for axis, side in zip(AXES, shape, strict=True))
    return z, y, x


def model_hash(model: ExcursionModel) -> str:
    """SHA-256 of a model's JSON text."""
    return hashlib.sha256(dump_model(model).encode()).hexdigest()


def package_versions(backend: Backend) -> dict[str, str]:
    """Versions of what determines the voxels and the bytes of a store."""
    names = ("morphgen", "numpy", "scipy", "zarr")
    found = {name: importlib.metadata.version(name) for name in names}
    return {"python": platform.python_version(), **found, **backend.versions()}


def origin(backend: Backend) -> dict[str, str]:
    """Time, and the kind of machine: the bits can depend on its instruction set and its GPU."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": platform.platform(),
        **hardware(backend),
    }


def hardware(backend: Backend) -> dict[str, str]:
    """What the bits can depend on beside versions: instruction set, and model and CUDA of a GPU.

    On another model, libraries for CUDA choose other kernels. A GPU that this process does not
    see is left out.
    """
    found = {"cpu": instruction_set()}
    for one in find(backend.name, "none").devices if backend.on_gpu else ():
        if one.name == backend.device:
            found["gpu"] = f"{one.model}, CUDA {_cuda_version(backend)}"
    return found


def instruction_set() -> str:
    """Machine and the vector instructions that NumPy uses on it, such as ``x86_64 X86_V3``."""
    found: Any = np.show_config(mode="dicts")
    simd = found.get("SIMD Extensions", {})
    names = [*simd.get("baseline", ()), *simd.get("found", ())]
    return " ".join((platform.machine(), *names))


def inner_chunk(edge: int, chunk: int | None = None) -> int:
    """Edge of the inner chunks for blocks of a given edge, in voxels.

    Raises
    ------
    InputError
        If the wanted chunk is too small or does not divide the block.
    """
    if chunk is None:
        return next((size for size in _DEFAULT_CHUNKS if edge % size == 0), edge)
    valid = [size for size in range(_SMALLEST_CHUNK, edge + 1) if edge % size == 0]
    if chunk not in valid:
        raise InputError(
            f"chunk {chunk}: expected a divisor of the block edge {edge}, one of "
            f"{', '.join(map(str, valid))}"
        )
    return operator.index(chunk)


def checked_levels(levels: int | str, grid: BlockGrid) -> int:
    """Number of coarser levels; ``auto`` ends with the first that is a single block.

    Raises
    ------
    InputError
        If it is no number, or there is nothing to halve any more.
    """
    longest = max(grid.shape)
    if levels == "auto":
        return max(0, math.ceil(math.log2(longest / grid.edge)))
    most = (longest - 1).bit_length()
    try:
        number = operator.index(levels)  # type: ignore[arg-type]
    except TypeError as error:
        raise InputError(f"levels {levels!r}: expected a number, or auto") from error
    if not 0 <= number <= most:
        raise InputError(
            f"levels {number}: expected 0 to {most}, where {longest} voxels are halved to one"
        )
    return number


def checked_seed(seed: int) -> int:
    """Seed as a Python integer; InputError outside 0 to 2**64 - 1."""
    try:
        value = operator.index(seed)
    except TypeError as error:
        raise InputError(f"seed {seed!r}: expected an integer") from error
    if not 0 <= value < 2**64:
        raise InputError(f"seed {value}: expected 0 to 2**64 - 1")
    return value


def checked_axes(periodic: Sequence[str]) -> tuple[str, ...]:
    """Periodic axes in the order z, y, x; InputError for an unknown name."""
    unknown = [axis for axis in periodic if axis not in AXES]
    if unknown:
        raise InputError(f"periodic axis {unknown[0]!r}: expected z, y or x")
    return tuple(axis for axis in AXES if axis in periodic)


def _pyramid(own: dict[str, Any]) -> dict[str, Any]:
    return {
        "levels": int(own.get("levels", 0)),
        "downsample": str(own.get("downsample", METHODS[0])),
    }


def _lattices(record: VolumeRecord) -> list[dict[str, list[int]]]:
    """Synthesis lattice of each of the model's noises, for JSON."""
    return [
        {"factors": list(one.factors), "taps": list(one.taps)}
        for one in record.realization().samplings
    ]


def _profile_hash(profile: Profile | None) -> str:
    if profile is None:
        return "none"
    text = json.dumps(profile_record(profile), sort_keys=True)
    return f"(sha256) {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _precision(record: VolumeRecord) -> str:
    return "exact" if record.exact else "band-limited"


def _cuda_version(backend: Backend) -> str:
    """CUDA that a library computes with; CuPy tells it as a number such as 12060."""
    module: Any = backend.module()
    if backend.name == "torch":
        return str(module.version.cuda)
    number = module.cuda.runtime.runtimeGetVersion()
    return f"{number // 1000}.{number % 1000 // 10}"


def _recorded_backend(own: dict[str, Any]) -> Backend:
    """Library and kind of device; stores of earlier versions name the device with its number."""
    return Backend(str(own["name"]), Backend(device=str(own["device"])).kind)


def _shown(backend: Backend) -> str:
    return f"{backend.name} on {backend.kind}"
