"""What is asked of a store, checked against what lies there; nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from morphgen.errors import InputError, StoreError
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.profile import Profile
from morphgen.excursion.realization import Realization
from morphgen.tiles.backends import Backend, resolve
from morphgen.tiles.downsample import METHODS
from morphgen.tiles.grid import BlockGrid, volume_shape
from morphgen.tiles.metadata import (
    VolumeRecord,
    checked_axes,
    checked_levels,
    checked_seed,
    inner_chunk,
    origin,
    package_versions,
    periods_of,
)
from morphgen.tiles.ome import AXES
from morphgen.tiles.store import State, open_volume, state_of
from morphgen.tiles.volume import VolumeInfo


@dataclass(frozen=True)
class Request:
    """A volume that is asked for; the arguments of `generate`.

    `path` is None where only the cost is asked for, whatever lies where; `resolver` finds the
    backend where the work is to be done, which may be `elsewhere`.
    """

    model: ExcursionModel
    path: str | Path | None
    shape: Sequence[int]
    seed: int = 0
    periodic: Sequence[str] = ()
    backend: str = "auto"
    device: str | None = None
    workers: int | None = None
    chunk: int | None = None
    resume: bool = False
    overwrite: bool = False
    levels: int | str | None = None
    downsample: str | None = None
    exact: bool = False
    resolver: Callable[[str, str | None], Backend] = resolve
    profile: Profile | None = None
    elsewhere: bool = False

    def checked(self) -> Order:
        """Check the request, against the store that lies there as well.

        Raises
        ------
        InputError
            If the request is invalid.
        StoreError
            If something lies there that must not be replaced or cannot be continued.
        BackendError
            If the backend or the device is not there.
        """
        if self.resume and self.overwrite:
            raise InputError("resume and overwrite contradict each other; give one of them")
        existing = None if self.path is None else self._existing(self.path)
        record = self._record(existing)
        different = [] if existing is None else record.differences(existing.record)
        if different:
            raise StoreError(
                f"{self.path} cannot be continued: it has {'; '.join(different)}. "
                "Ask for the same, or choose another path"
            )
        return Order(record, existing)

    def _existing(self, path: str | Path) -> VolumeInfo | None:
        """Store that is to be continued; StoreError if one lies in the way."""
        state = state_of(path)
        if state is State.ABSENT or self.overwrite:
            return None
        if not self.resume:
            raise StoreError(f"{path} exists; resume it, overwrite it, or choose another path")
        return open_volume(path) if state is State.READY else None

    def _record(self, existing: VolumeInfo | None) -> VolumeRecord:
        backend, device, chunk = self.backend, self.device, self.chunk
        if existing is not None:
            backend = existing.backend.name if backend == "auto" else backend
            device = existing.backend.kind if device is None else device
            # the chunks of another model need not divide the blocks of this one
            same_blocks = existing.grid.edge == self._grid.edge
            chunk = existing.record.chunk if chunk is None and same_blocks else chunk
        levels, downsample = self._pyramid(existing)
        chosen = self.resolver(backend, device)
        return VolumeRecord(
            model=self.model,
            seed=self.seed,
            shape=volume_shape(self.shape),
            periodic=tuple(self.periodic),
            chunk=inner_chunk(self._grid.edge, chunk),
            backend=chosen,
            versions=package_versions(chosen),
            levels=levels,
            downsample=downsample,
            # the GPUs of a cluster are not seen here, and need not be of one model
            origin=origin(Backend() if self.elsewhere else chosen),
            exact=self.exact,
            profile=self._profile,
        )

    @cached_property
    def _profile(self) -> Profile | None:
        """The profile, with positions as distances."""
        if self.profile is None:
            return None
        along = AXES.index(self.profile.axis)
        length = volume_shape(self.shape)[along] * self.model.voxel_size[along]
        return self.profile.in_volume(length)

    @cached_property
    def _grid(self) -> BlockGrid:
        shape = volume_shape(self.shape)
        periods = periods_of(shape, checked_axes(self.periodic))
        seed = checked_seed(self.seed)
        sample = Realization(self.model, seed, periods, self.exact, self._profile)
        return BlockGrid(shape, sample.block_edge)

    def _pyramid(self, existing: VolumeInfo | None) -> tuple[int, str]:
        """Number of coarser levels and their method: none is taken from a store that is there."""
        grid = self._grid
        levels = 0 if self.levels is None else checked_levels(self.levels, grid)
        downsample = self.downsample
        if existing is not None and existing.levels and existing.shape == grid.shape:
            levels = max(levels, existing.levels)
            downsample = downsample or existing.record.downsample
        return levels, downsample or METHODS[0]


@dataclass(frozen=True)
class Order:
    """A checked request: what is to be written, and the store that is continued, if any."""

    record: VolumeRecord
    existing: VolumeInfo | None

    def missing_in(self, level: int) -> np.ndarray:
        """Numbers of the blocks of a level that are to be written, as int64."""
        if self.existing is not None and level <= self.existing.levels:
            return self.existing.missing_by_level[level]
        return np.arange(len(self.record.grid_of(level)), dtype=np.int64)

    def remaining_in(self, level: int) -> int:
        """Number of these blocks; a list of them may not fit into the memory."""
        if self.existing is not None and level <= self.existing.levels:
            return self.existing.missing_by_level[level].size
        return len(self.record.grid_of(level))

    @property
    def remaining(self) -> int:
        """Number of blocks of the volume itself that are to be computed."""
        return self.remaining_in(0)
