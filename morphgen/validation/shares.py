"""The error of a model from its calibration, in units of the scatter of what it is compared with.

The parameters of a model come from sections whose averages scatter as those of other sections do.
A model that follows its data inherits that scatter. Averages over a specimen of another size, or
over a volume, scatter less or more: the ratio of the variances is what the bands are widened by.
"""

from __future__ import annotations

from collections.abc import Sequence

from morphgen.excursion import ExcursionModel, FractionScatter, Source, fraction_scatter
from morphgen.excursion.sections import PLANE_AXES
from morphgen.validation.specimens import ReferenceVolume, SectionSet


def calibration_share(specimen: SectionSet | ReferenceVolume) -> float:
    """Variance of a model's own error over that of the specimen; 0 without provenance.

    For sections it is A_new / A_cal, the ratio of the areas. For a volume it is the sum over the
    phases of the variances of their fractions in the sections of the calibration, over the same
    sum for the volume: THEORY 8, in the exact form of `morphgen.excursion.fraction_scatter`.

    Parameters
    ----------
    specimen : SectionSet or ReferenceVolume
        What the model is compared with.
    """
    model = specimen.model
    if model.provenance is None:
        return 0.0
    sources = model.provenance.sources
    area = sum(_area(one) for one in sources)
    if area <= 0.0:
        return 0.0
    if isinstance(specimen, SectionSet):
        return float(sum(view.area for view in specimen.views) / area)
    scatter = fraction_scatter(model)
    frame = specimen.view.frame
    whole = frame.shape[0] * frame.shape[1] * frame.shape[2]
    compared = _variance(scatter, frame.shape) * whole / specimen.view.voxels
    known = sum((_area(one) / area) ** 2 * _source_variance(model, scatter, one) for one in sources)
    return float(known / compared)


def _area(source: Source) -> float:
    return source.pixels * source.pixel_size[0] * source.pixel_size[1]


def _source_variance(model: ExcursionModel, scatter: FractionScatter, source: Source) -> float:
    """Summed variance of the fractions of one section, in voxels of the model."""
    shape = [1, 1, 1]
    axes = PLANE_AXES[source.plane]
    for axis, length, size in zip(axes, source.shape, source.pixel_size, strict=True):
        shape[axis] = max(1, round(length * size / model.voxel_size[axis]))
    # what lies outside the specimen determines nothing
    inside = source.pixels / (source.shape[0] * source.shape[1])
    return _variance(scatter, shape) / inside


def _variance(scatter: FractionScatter, shape: Sequence[int]) -> float:
    return sum(sd**2 for sd in scatter.standard_deviations(shape).values())
