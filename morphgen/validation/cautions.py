"""What a reader should know before believing a verdict."""

from __future__ import annotations

from collections.abc import Iterator

from morphgen.excursion import ExcursionModel
from morphgen.excursion.sections import PLANE_AXES
from morphgen.validation.comparison import ComparedVolume, Comparison
from morphgen.validation.words import correlation_length, lengths_in, names_of, number

# voxels of a specimen that are so many times larger or smaller than the model's may be a mistake
# of units
_LARGEST_RATIO = 4.0
# a side of fewer correlation lengths shows one or two features
_FEWEST_LENGTHS = 8.0


def cautions(comparison: Comparison, model: ExcursionModel) -> list[str]:
    """Say what makes a verdict weak or doubtful, a sentence each.

    Parameters
    ----------
    comparison : Comparison
        The comparison.
    model : ExcursionModel
        The model that was compared.

    Returns
    -------
    list of str
        Specimens that the model was calibrated on; voxels of a very different size; phases that
        what is compared lacks; a volume of few correlation lengths.
    """
    found = [*_not_independent(comparison), *_other_scale(comparison, model)]
    found += _absent(comparison, model)
    if comparison.volume is not None:
        found += _small(comparison.volume, model)
    return found


def _not_independent(comparison: Comparison) -> Iterator[str]:
    seen = [one.name for one in comparison.sections if not one.held_out]
    if comparison.volume is not None and not comparison.volume.held_out:
        seen.append(comparison.volume.name)
    if seen:
        yield f"The model was calibrated on {', '.join(seen)}: this is no independent test."


def _other_scale(comparison: Comparison, model: ExcursionModel) -> Iterator[str]:
    images: list[tuple[str, tuple[float, ...], tuple[int, ...]]] = [
        (one.name, one.pixel_size, PLANE_AXES[one.plane]) for one in comparison.sections
    ]
    if comparison.volume is not None:
        images.append((comparison.volume.name, comparison.volume.voxel_size, (0, 1, 2)))
    for name, sizes, axes in images:
        for size, axis in zip(sizes, axes, strict=True):
            own = model.voxel_size[axis]
            if not 1.0 / _LARGEST_RATIO <= size / own <= _LARGEST_RATIO:
                yield (
                    f"The voxels of {name} measure {size:g} {lengths_in(model.unit)}, those of the "
                    f"model {own:g}: was the voxel size given in the right unit?"
                )
                break


def _absent(comparison: Comparison, model: ExcursionModel) -> Iterator[str]:
    names = names_of(model.phases)
    for label in model.volume_fractions():
        seen = [
            one.observed[0]
            for one in comparison.quantities
            if one.kind == "volume_fraction" and one.phases == (label,)
        ]
        if seen and not any(seen):
            yield (
                f"The phase {label} ({names[label]}) of the model does not occur in what is "
                "compared: nothing of it can agree."
            )


def _small(volume: ComparedVolume, model: ExcursionModel) -> Iterator[str]:
    ratios = [
        side
        * size
        / max(correlation_length(model, rank, axis) for rank in range(len(model.fields)))
        for axis, (side, size) in enumerate(zip(volume.shape, volume.voxel_size, strict=True))
    ]
    if min(ratios) < _FEWEST_LENGTHS:
        yield (
            f"The volume {volume.name} is {number(min(ratios), 2)} correlation lengths of the "
            f"model thick; with fewer than {_FEWEST_LENGTHS:.0f} it shows few features, and the "
            "bands are not kept so well."
        )
