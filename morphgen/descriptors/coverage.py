"""Two-point coverage of label images, counted over all pairs of pixels inside the specimen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from morphgen._array_api import Array, asarray_like, device_of, namespace
from morphgen.descriptors._cells import histogram
from morphgen.descriptors._correlation import correlation, overlap, spectrum
from morphgen.descriptors._labels import (
    OUTSIDE,
    checked_max_lag,
    checked_phases,
    checked_spacing,
    labels_namespace,
    pixels_inside,
)
from morphgen.descriptors._lags import lag_bins, lag_offsets
from morphgen.errors import InputError


@dataclass(frozen=True, eq=False)
class RadialCoverage:
    """Two-point coverage by distance; see `CoverageCounts.radial`.

    Attributes
    ----------
    phases
        Labels of the n phases.
    lag
        Mean distance of the pairs in each of the K bins, in the unit of the spacing; the first
        is 0; float64, shape (K,).
    values
        Symmetrised C_ij, dimensionless, NaN in bins without a pair; float64, shape (n, n, K).
    weight
        Number of ordered pairs of pixels in each bin (h and -h both count); float64, shape (K,).
    """

    phases: tuple[int, ...]
    lag: Array
    values: Array
    weight: Array


@dataclass(frozen=True, eq=False)
class CoverageCounts:
    """Numbers of pairs of pixels by lag and by the labels at both ends.

    Lags lie on the full grid from ``-max_lag`` to ``max_lag`` voxels along each of the d axes:
    ``lag_shape = (2 * max_lag + 1,) * d``, with lag 0 in the middle.

    Attributes
    ----------
    phases
        Labels of the n phases.
    max_lag
        Largest lag along each axis, in voxels.
    pairs
        Number of ordered pairs inside the specimen with ``phases[i]`` at x and ``phases[j]`` at
        x + h; int64, shape (n, n) + lag_shape.
    totals
        Number of ordered pairs inside the specimen, whatever their labels; int64, shape lag_shape.
    """

    phases: tuple[int, ...]
    max_lag: int
    pairs: Array
    totals: Array

    @property
    def ndim(self) -> int:
        """Number of axes of the image."""
        return int(self.totals.ndim)

    @property
    def offsets(self) -> Array:
        """Lag h along each axis, in voxels; int64, shape (d,) + lag_shape."""
        return asarray_like(lag_offsets(self.max_lag, self.ndim), self.totals)

    def directional(self) -> Array:
        """C_ij(h) = pairs_ij(h) / totals(h); float64, shape (n, n) + lag_shape.

        NaN at lags without a pair inside the specimen.
        """
        return _ratio(self.pairs, self.totals)

    def symmetrised(self) -> Array:
        """(C_ij(h) + C_ji(h)) / 2; float64, shape (n, n) + lag_shape.

        Because C_ji(h) = C_ij(-h), this is the mean over h and -h as well. NaN at lags without a
        pair inside the specimen.
        """
        return _ratio(_both_orders(self.pairs), 2 * self.totals)

    def fractions(self) -> Array:
        """Share of each phase in the pixels inside, C_ii(0); float64, shape (n,)."""
        xp = namespace(self.pairs)
        centre = (self.max_lag,) * self.ndim
        counts = [self.pairs[i, i, *centre] for i in range(len(self.phases))]
        return _ratio(xp.stack(counts), self.totals[centre])

    def radial(
        self, spacing: float | Sequence[float] = 1.0, exact_below: float = 3.0
    ) -> RadialCoverage:
        """Pool the lags of about one distance, for structures isotropic in the image.

        Bins are one finest pixel spacing wide, centred at its multiples, and take each pair by its
        true distance, up to ``max_lag`` of these spacings: farther out the lag grid misses
        directions. Below ``exact_below`` spacings every distance is a bin of its own, because
        C_ij has a cusp at lag 0 that a wide bin would blunt.

        Parameters
        ----------
        spacing
            Pixel spacing, one number or one per axis, in any unit of length.
        exact_below
            Distance, in finest pixel spacings, under which distances are kept apart.

        Returns
        -------
        RadialCoverage
            Symmetrised C_ij, mean distance and number of pairs of each bin.

        Raises
        ------
        InputError
            If the spacing does not fit the image.
        """
        bins = lag_bins(self.max_lag, checked_spacing(spacing, self.ndim), exact_below)
        xp = namespace(self.pairs)
        n = len(self.phases)
        totals = xp.reshape(self.totals, (-1,))
        weight = bins.total(totals)
        both = bins.total(xp.reshape(_both_orders(self.pairs), (n, n, -1)))
        return RadialCoverage(
            phases=self.phases,
            lag=bins.mean_distance(totals),
            values=_ratio(both, 2 * weight),
            weight=xp.astype(weight, xp.float64),
        )


@dataclass(frozen=True, eq=False)
class Coverage:
    """Two-point coverage of images, with lags in physical units.

    Attributes
    ----------
    counts
        The numbers of pairs behind it, pooled over the images.
    spacing
        Pixel spacing along each axis.
    """

    counts: CoverageCounts
    spacing: tuple[float, ...]

    @property
    def phases(self) -> tuple[int, ...]:
        """Labels of the n phases."""
        return self.counts.phases

    @property
    def lags(self) -> Array:
        """Lag h along each axis, in the unit of the spacing; float64, shape (d,) + lag_shape."""
        xp = namespace(self.counts.totals)
        voxels = xp.astype(self.counts.offsets, xp.float64)
        return xp.stack([voxels[axis, ...] * step for axis, step in enumerate(self.spacing)])

    def directional(self) -> Array:
        """C_ij(h) on the lag grid; see `CoverageCounts.directional`."""
        return self.counts.directional()

    def symmetrised(self) -> Array:
        """(C_ij(h) + C_ji(h)) / 2 on the lag grid; see `CoverageCounts.symmetrised`."""
        return self.counts.symmetrised()

    def fractions(self) -> Array:
        """Share of each phase in the pixels inside; float64, shape (n,)."""
        return self.counts.fractions()

    def radial(self, exact_below: float = 3.0) -> RadialCoverage:
        """C_ij by distance, in the unit of the spacing; see `CoverageCounts.radial`."""
        return self.counts.radial(self.spacing, exact_below)


def two_point_coverage(
    labels: Array | Sequence[Array],
    phases: Sequence[int] | None = None,
    *,
    max_lag: int,
    spacing: float | Sequence[float] = 1.0,
    mask: Array | Sequence[Array] | None = None,
) -> Coverage:
    """Two-point coverage C_ij(h) = P(label(x) = i, label(x + h) = j) of one or several images.

    Every pair of pixels inside the specimen has the same weight, also over several images: the
    estimate is a ratio of pooled numbers of pairs. For a stationary structure seen through a fixed
    window it is unbiased at every lag. Its errors hang together over all lags, being mostly those
    of the volume fractions.

    Parameters
    ----------
    labels
        Label image of two or three axes, uint8, 255 = outside; or a list of them, of equal
        spacing, whose axes have the same meaning.
    phases
        Labels of the n phases; the labels present by default.
    max_lag
        Largest lag along each axis, in voxels; smaller than every side of every image.
    spacing
        Pixel spacing, one number or one per axis, in any unit of length.
    mask
        Bool array of the shape of ``labels``, false outside; for a list of images, a list of them.

    Returns
    -------
    Coverage
        Counts of pairs, from which C_ij follows by lag vector or by distance.

    Raises
    ------
    InputError
        If an image, a mask, a phase, the largest lag or the spacing cannot be used.

    References
    ----------
    Torquato, *Random Heterogeneous Materials* (2002), chapters 2 and 12.
    """
    images, masks = _as_lists(labels, mask)
    steps = checked_spacing(spacing, images[0].ndim)
    chosen = _labels_present(images, masks) if phases is None else phases
    counts = [
        coverage_counts(image, chosen, max_lag, mask=inside)
        for image, inside in zip(images, masks, strict=True)
    ]
    return Coverage(counts=pool(counts), spacing=steps)


def coverage_counts(
    labels: Array, phases: Sequence[int], max_lag: int, *, mask: Array | None = None
) -> CoverageCounts:
    """Count the pairs of pixels of an image by lag and labels, up to a largest lag.

    The image is not continued periodically: only pairs with both pixels inside the specimen
    count. The numbers are exact, whatever the size of the image.

    Parameters
    ----------
    labels
        Label image of two or three axes, uint8, 255 = outside.
    phases
        Labels of the n phases. Pixels of other labels belong to the specimen, to no phase.
    max_lag
        Largest lag along each axis, in voxels; smaller than every side of the image.
    mask
        Bool array of the shape of ``labels``, false outside.

    Returns
    -------
    CoverageCounts
        Numbers of pairs on the lag grid.

    Raises
    ------
    InputError
        If the image, the mask, a phase or the largest lag cannot be used.

    Notes
    -----
    One transform per phase and one back per pair of phases, since C_ji(h) = C_ij(-h). In memory:
    about n + 2 arrays of float64 of the padded size of the image.
    """
    inside = pixels_inside(labels, mask, ndims=(2, 3))
    chosen = checked_phases(phases)
    reach = checked_max_lag(max_lag, labels.shape)
    pairs = _pairs([(labels == phase) & inside for phase in chosen], reach)
    return CoverageCounts(chosen, reach, pairs, _totals(inside, reach, like=pairs))


def pool(counts: Sequence[CoverageCounts]) -> CoverageCounts:
    """Add up the pairs of several images, whose axes have the same meaning and spacing.

    Raises
    ------
    InputError
        If there are none, or they differ in phases, largest lag or number of axes.
    """
    if not counts:
        raise InputError("no counts to pool; expected those of one image at least")
    first, *others = counts
    pairs, totals = first.pairs, first.totals
    for other in others:
        for name in ("phases", "max_lag", "ndim"):
            if getattr(other, name) != getattr(first, name):
                raise InputError(
                    f"counts to pool have {name} {getattr(first, name)} and "
                    f"{getattr(other, name)}; expected the same"
                )
        pairs, totals = pairs + other.pairs, totals + other.totals
    return CoverageCounts(first.phases, first.max_lag, pairs, totals)


def _pairs(flags: Sequence[Array], max_lag: int) -> Array:
    xp, shape = namespace(*flags), flags[0].shape
    spectra = [spectrum(flag, max_lag) for flag in flags]
    rows: list[list[Array]] = []
    for i, first in enumerate(spectra):
        # pairs_ij(h) = pairs_ji(-h)
        known = [xp.flip(row[i]) for row in rows]
        rows.append(known + [correlation(first, other, shape, max_lag) for other in spectra[i:]])
    return xp.stack([xp.stack(row) for row in rows])


def _totals(inside: Array, max_lag: int, like: Array) -> Array:
    xp = namespace(inside)
    if bool(xp.all(inside)):
        return overlap(inside.shape, max_lag, like)
    whole = spectrum(inside, max_lag)
    return correlation(whole, whole, inside.shape, max_lag)


def _both_orders(pairs: Array) -> Array:
    xp = namespace(pairs)
    return pairs + xp.permute_dims(pairs, (1, 0, *range(2, pairs.ndim)))


def _ratio(counts: Array, totals: Array) -> Array:
    """Quotient of counts as float64, NaN where there are none."""
    xp = namespace(counts, totals)
    nan = xp.full(totals.shape, float("nan"), dtype=xp.float64, device=device_of(totals))
    some = totals > 0
    divisor = xp.astype(xp.where(some, totals, xp.ones_like(totals)), xp.float64)
    return xp.where(some, xp.astype(counts, xp.float64) / divisor, nan)


def _as_lists(
    labels: Array | Sequence[Array], mask: Array | Sequence[Array] | None
) -> tuple[list[Array], list[Array | None]]:
    if not isinstance(labels, (list, tuple)):
        labels_namespace(labels, mask)
        return [labels], [mask]
    images = list(labels)
    masks = [None] * len(images) if mask is None else mask
    if not images or not isinstance(masks, (list, tuple)) or len(masks) != len(images):
        raise InputError(
            f"got {len(images)} images and a mask of type {type(mask).__name__}; "
            "expected one image at least and one mask for each"
        )
    for image, inside in zip(images, masks, strict=True):
        labels_namespace(image, inside)
    return images, list(masks)


def _labels_present(images: Sequence[Array], masks: Sequence[Array | None]) -> tuple[int, ...]:
    present: set[int] = set()
    for image, mask in zip(images, masks, strict=True):
        xp = namespace(image)
        inside = pixels_inside(image, mask, ndims=(2, 3))
        kept = xp.where(inside, image, xp.full_like(image, OUTSIDE))
        (values,) = xp.nonzero(histogram(xp, kept, OUTSIDE + 1))
        present.update(int(values[k]) for k in range(values.shape[0]))
    return tuple(sorted(present - {OUTSIDE}))
