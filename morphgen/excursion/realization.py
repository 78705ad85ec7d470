"""A realization: an endless microstructure, computed where one looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from types import ModuleType
from typing import Any, NamedTuple

import array_api_extra as xpx
import numpy as np

from morphgen._array_api import (
    Array,
    bring,
    entered,
    is_numpy,
    one_thread,
    settled,
    standard,
)
from morphgen.errors import InputError
from morphgen.excursion.graded import GradedModel
from morphgen.excursion.labels import decide, first_match, write_first_match
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.profile import Profile
from morphgen.excursion.shared import Term
from morphgen.fields.blocks import Mixture, block_edge, block_end, field_values, mixed_values
from morphgen.fields.noise import FARTHEST, integer
from morphgen.fields.pieces import (
    Exceedance,
    Known,
    Part,
    Source,
    Threshold,
    Workspace,
    exceedance,
    mixed_exceedance,
    pieces,
)
from morphgen.fields.sampling import Index, Periods, Sampling, sampling, synthesis_error
from morphgen.fields.synthesis import Synthesis, synthesis


@dataclass(frozen=True)
class Realization:
    """One realization of a model, of unlimited size.

    The label of a voxel depends on the model, the seed and the voxel alone, never on the window
    that it is seen through.

    Parameters
    ----------
    model : ExcursionModel
        The model.
    seed : int
        Seed of the noise, 0 to 2**64 - 1.
    periods : tuple of 3 ints or None
        Period along (z, y, x) in voxels; None where the structure does not repeat.
    exact : bool
        Whether every field is synthesised voxel by voxel. By default a smooth field is synthesised
        on a coarser lattice and interpolated, with an error of at most
        `morphgen.fields.sampling.COVARIANCE_ERROR` in any correlation; the voxels are others then.
        See `synthesis_errors`.
    profile : Profile, optional
        Volume fractions that vary along an axis, instead of the model's: see `GradedModel`. Its
        positions are distances from the first face of voxel 0.

    Raises
    ------
    InputError
        If the seed is out of range, or a period is shorter than the correlations reach, so that a
        voxel would be correlated with its own copies; if the profile does not fit the model, or
        its axis is periodic.
    """

    model: ExcursionModel
    seed: int = 0
    periods: Periods = (None, None, None)
    exact: bool = False
    profile: Profile | None = None

    def __post_init__(self) -> None:
        # NumPy's integers overflow silently where Python's do not
        object.__setattr__(self, "seed", integer("seed", self.seed, 0, 2**64 - 1))
        object.__setattr__(self, "periods", _periods(self.periods))
        for axis, period in enumerate(self.periods):
            if period is not None:
                self._check_period(axis, period)
        if self.graded is not None and self.periods["zyx".index(self.graded.profile.axis)]:
            along = self.graded.profile.axis
            raise InputError(f"the profile varies along {along}: {along} cannot be periodic")

    @cached_property
    def graded(self) -> GradedModel | None:
        """The model with its profile, if there is one."""
        return None if self.profile is None else GradedModel(self.model, self.profile)

    @cached_property
    def samplings(self) -> tuple[Sampling, ...]:
        """Synthesis lattice of each of the model's noises: of its fields, then what they share."""
        if not self.exact and not any(self.periods):
            return self.model.samplings
        return tuple(
            sampling(noise.kernel, self.model.voxel_size, self.periods, exact=self.exact)
            for noise in self.model.noises
        )

    @cached_property
    def block_edge(self) -> int:
        """Edge of the canonical blocks, in voxels."""
        return block_edge(self.samplings)

    def synthesis_errors(self) -> tuple[float, ...]:
        """For each of the model's noises, what no correlation of two voxels errs by more than.

        Errors of the kernel on the lattice of the synthesis, and of the interpolation. They exceed
        `COVARIANCE_ERROR` for spline kernels of a few voxels only.
        """
        pairs = zip(self.model.noises, self.samplings, strict=True)
        spacing = self.model.voxel_size
        return tuple(synthesis_error(noise.kernel, spacing, one) for noise, one in pairs)

    def window(
        self,
        start: Sequence[int],
        shape: Sequence[int],
        xp: ModuleType = np,
        device: Any = None,
    ) -> Array:
        """Labels of a window.

        Parameters
        ----------
        start : sequence of 3 ints
            First voxel (z, y, x); may be negative.
        shape : sequence of 3 ints
            Number of voxels along (z, y, x).
        xp : module
            ``numpy``, ``torch``, ``cupy`` or ``jax.numpy``.
        device : object, optional
            Device of that module; its current one by default.

        Returns
        -------
        array of uint8, shape ``shape``
        """
        start, shape = _place("start", start), _place("shape", shape)
        if min(shape) < 1:
            raise InputError(f"window {start} + {shape}: expected three positive sides")
        space = standard(xp)
        place = settled(space, device)
        axes = [
            list(_pieces(first, length, self.block_edge, period))
            for first, length, period in zip(start, shape, self.periods, strict=True)
        ]
        workspace = Workspace()
        with entered(space, place):
            labels = space.empty(shape, dtype=space.uint8, device=place)
            for found in product(*axes):
                index = _triple(piece.block for piece in found)
                z, y, x = (piece.inside for piece in found)
                part = self.block(index, xp, place, part=(z, y, x), workspace=workspace)
                labels = xpx.at(labels)[tuple(piece.outside for piece in found)].set(part)
        return labels

    def block(
        self,
        index: Index,
        xp: ModuleType = np,
        device: Any = None,
        *,
        part: Part | None = None,
        workspace: Workspace | None = None,
    ) -> Array:
        """Labels of one canonical block, which begins at voxel ``index * block_edge``.

        Parameters
        ----------
        index : tuple of 3 ints
            The block.
        xp, device : module, object
            As in `window`.
        part : tuple of 3 slices, optional
            What is wanted of the block, from its beginning; all of it by default. Steps are 1.
        workspace : Workspace, optional
            Buffers that were used for another block before, by the same thread.

        Returns
        -------
        array of uint8, shape (edge, edge, edge) or that of the part
        """
        space, index = standard(xp), _place("block", index)
        whole = (slice(0, self.block_edge),) * 3
        wanted = whole if part is None else self._part(part)
        if is_numpy(space):
            with one_thread(space):
                return self._host_block(index, wanted, workspace or Workspace())
        thresholds, place = self._thresholds(index), settled(space, device)
        with entered(space, place):
            decisions = (
                self._decision(number, thresholds[number], index, space, place)
                for number in self._numbers()
            )
            labels = first_match(self.model.order, decisions, space)
            return labels if part is None else labels[wanted]

    def _host_block(self, index: Index, part: Part, workspace: Workspace) -> np.ndarray:
        """Labels of a part of a block, piece by piece."""
        fields = self.model.fields
        edge = self.block_edge
        known: Known = {}
        found = [
            self._exceedance(number, threshold, index, part, workspace, known)
            for number, threshold in enumerate(self._thresholds(index))
        ]
        labels = np.empty([side.stop - side.start for side in part], dtype=np.uint8)
        for piece in pieces(edge, part):
            shape = (piece.height, piece.depth, edge)
            painted, scratch = (workspace.array(name, shape, np.uint8) for name in ("a", "b"))
            masks = [one.on(piece) for one in found]
            write_first_match(self.model.order, fields, masks, painted, scratch)
            z, y = _overlap(piece.z, part[0]), _overlap(piece.y, part[1])
            labels[z.outside, y.outside] = painted[z.inside, y.inside, part[2]]
        return labels

    def _check_period(self, axis: int, period: int) -> None:
        reach = max(one.axes[axis].factor * one.axes[axis].halo for one in self.samplings)
        if period < 4 * reach + 1:
            raise InputError(
                f"a period of {period} voxels is shorter than the correlations reach; make that "
                f"side at least {4 * reach + 1} voxels, or not periodic"
            )

    def _part(self, part: Part) -> Part:
        z, y, x = (slice(*side.indices(self.block_edge)) for side in part)
        if min(side.stop - side.start for side in (z, y, x)) < 1 or {z.step, y.step, x.step} != {1}:
            raise InputError(f"part {part}: expected three slices with voxels in them, of step 1")
        return z, y, x

    def _numbers(self) -> range:
        return range(len(self.model.fields))

    def _prepared(self, noise: int, xp: ModuleType, device: Any) -> Synthesis:
        kernel, spacing = self.model.noises[noise].kernel, self.model.voxel_size
        return synthesis(kernel, spacing, self.samplings[noise], self.block_edge, xp, device)

    def _source(self, number: int, term: Term, index: Index) -> Source:
        prepared = self._prepared(term.noise, standard(np), None)
        law = self.model.fields[number].law
        return Source(law, prepared, self.seed, term.stream, index, self.periods)

    def _thresholds(self, index: Index) -> Sequence[Threshold]:
        """Threshold of each field on a block, or those of its planes across the profile's axis."""
        if self.graded is None:
            return [field.threshold for field in self.model.fields]
        along = "zyx".index(self.graded.profile.axis)
        found = self.graded.thresholds(index[along] * self.block_edge, self.block_edge)
        shape = [1, 1, 1]
        shape[along] = self.block_edge
        return [row.reshape(shape).astype(np.float32) for row in found]

    def _exceedance(
        self,
        number: int,
        threshold: Threshold,
        index: Index,
        part: Part,
        workspace: Workspace,
        known: Known,
    ) -> Exceedance:
        terms = self.model.terms(number)
        sources = [self._source(number, term, index) for term in terms]
        if self.model.shared is None:
            return exceedance(sources[0], threshold, part, workspace)
        weights = [term.weight for term in terms]
        weighted = list(zip(sources, weights, strict=True))
        return mixed_exceedance(weighted, number, threshold, part, workspace, known)

    def _decision(
        self, number: int, threshold: Threshold, index: Index, xp: ModuleType, device: Any
    ) -> Array:
        field, periods = self.model.fields[number], self.periods
        if self.model.shared is None:
            prepared = self._prepared(number, xp, device)
            values = field_values(field.law, prepared, self.seed, number, index, periods)
        else:
            mixtures = [
                Mixture(self._prepared(term.noise, xp, device), term.stream, term.weight)
                for term in self.model.terms(number)
            ]
            values = mixed_values(field.law, mixtures, self.seed, index, periods)
        if not isinstance(threshold, np.ndarray):
            return decide(field, values)
        return decide(field, values, bring(threshold, xp, device))


class _Overlap(NamedTuple):
    """What two intervals share, from the beginning of either."""

    inside: slice
    outside: slice


def _overlap(own: slice, asked: slice) -> _Overlap:
    first, last = max(own.start, asked.start), min(own.stop, asked.stop)
    return _Overlap(
        slice(first - own.start, last - own.start), slice(first - asked.start, last - asked.start)
    )


class _Piece(NamedTuple):
    """What one block contributes to a window along one axis."""

    block: int
    inside: slice
    outside: slice


def _pieces(start: int, length: int, edge: int, period: int | None) -> Iterator[_Piece]:
    done = 0
    while done < length:
        # a voxel and its periodic copies are computed at the same place, hence equal to the bit
        voxel = start + done
        block, offset = divmod(voxel if period is None else voxel % period, edge)
        count = min(block_end(voxel, edge, period) - voxel, length - done)
        yield _Piece(block, slice(offset, offset + count), slice(done, done + count))
        done += count


def _place(name: str, values: Sequence[int]) -> Index:
    """Three coordinates as Python integers."""
    if len(values) != 3:
        raise InputError(f"{name} {tuple(values)}: expected three integers (z, y, x)")
    return _triple(integer(name, value, -FARTHEST, FARTHEST) for value in values)


def _periods(values: Sequence[int | None]) -> Periods:
    if len(values) != 3:
        raise InputError(f"periods are {values}: expected one per axis, or None")
    z, y, x = (None if value is None else integer("period", value, 1, FARTHEST) for value in values)
    return z, y, x


def _triple(values: Iterator[int]) -> Index:
    z, y, x = values
    return z, y, x
