"""Counting part by part, against the image in memory.

Both sides count with the same measures: this shows that parts lose and repeat nothing, not that the
measures are right. What ties them to the functions, which count in other ways and have oracles of
their own, is tests/descriptors/test_sums.py (`test_measures_agree_with_the_functions`,
`test_boundary_agrees_with_the_function`) and, for two-point coverage,
tests/descriptors/test_coverage_measure.py.
"""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morphgen.descriptors import possible_kinds
from morphgen.descriptors.measures import Wanted, sum_measures, summed
from morphgen.descriptors.parts import Counts, Frame, Part
from morphgen.descriptors.readings import Reading, number
from morphgen.errors import InputError, StoreError
from morphgen.excursion import ExcursionModel
from morphgen.tiles import generate, open_volume
from morphgen.tiles.chunkwise import _tasks, summed_by_parts
from morphgen.tiles.windows import stored_labels, window


@dataclasses.dataclass(frozen=True)
class Ahead:
    """Voxels of label 1, and those with another of label 1 so far ahead along the first axis."""

    margin: int = 0
    along: int | None = None

    def counts(self, part: Part, frame: Frame) -> Counts:
        assert self.along is None or part.core.shape[self.along] == frame.shape[self.along]
        core, shift = part.core == 1, 2 * self.margin
        ahead = part.labels[shift:] if shift else part.labels
        sides = tuple(slice(self.margin, self.margin + side) for side in core.shape[1:])
        both = core & (ahead[:, *sides] == 1)
        return np.array([core.sum(), both.sum()], dtype=np.int64)

    def readings(self, counts: Counts, frame: Frame) -> tuple[Reading, ...]:
        return tuple(number("volume_fraction", (1,), float(count)) for count in counts)


def frame_of(labels: np.ndarray, phases: tuple[int, ...] = (0, 1, 2)) -> Frame:
    return Frame(labels.shape, (0.5, 0.25, 0.25)[-labels.ndim :], "zyx"[-labels.ndim :], phases)


def assert_equal(found: list[Reading], wanted: list[Reading]) -> None:
    assert [one.key for one in found] == [one.key for one in wanted]
    for mine, theirs in zip(found, wanted, strict=True):
        # all are ratios of the same integers
        np.testing.assert_array_equal(mine.values, theirs.values, str(mine.key))
        np.testing.assert_array_equal(mine.x, theirs.x)


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    """Grains of a few voxels, with a specimen that has a slanting face and a hole."""
    rng = np.random.default_rng(8)
    coarse = rng.choice(np.array([0, 1, 2], dtype=np.uint8), (36, 18, 34), p=[0.3, 0.5, 0.2])
    found = coarse.repeat(4, 0).repeat(4, 1).repeat(4, 2)[:141, :70, :135]
    found[97:105, 50:60, 60:70] = 255
    z, y, x = np.indices(found.shape, sparse=True)
    found[z + y + x < 60] = 255
    return np.ascontiguousarray(found)


@pytest.fixture(scope="module")
def in_memory(labels: np.ndarray) -> list[Reading]:
    return summed([labels], frame_of(labels), Wanted(possible_kinds(3), 12))


@pytest.mark.parametrize("chunk", [64, 100, 128])
def test_every_sum_is_that_in_memory(
    labels: np.ndarray, in_memory: list[Reading], chunk: int
) -> None:
    frame = frame_of(labels)
    measures = sum_measures(Wanted(possible_kinds(3), 12), frame)
    assert_equal(summed_by_parts(labels, frame, measures, chunk=chunk), in_memory)


def test_a_section_in_parts() -> None:
    labels = np.random.default_rng(1).integers(0, 3, (150, 97), dtype=np.uint8)
    frame, wanted = frame_of(labels), Wanted(possible_kinds(2), 20)
    found = summed_by_parts(labels, frame, sum_measures(wanted, frame), chunk=40)
    assert_equal(found, summed([labels], frame, wanted))


def test_cores_fill_the_image_and_measures_of_one_kind_do_not_mix(labels: np.ndarray) -> None:
    measures = [Ahead(0, 1), Ahead(3), Ahead(), Ahead(3), Ahead(5, 2), Ahead(1, 1)]
    found = summed_by_parts(labels, frame_of(labels), measures, chunk=64)
    flags = labels == 1
    both = {k: (flags[k:] & flags[: len(flags) - k]).sum() for k in (0, 1, 3, 5)}
    wanted = [count for k in (0, 3, 0, 3, 5, 1) for count in (flags.sum(), both[k])]
    assert [float(one.values[0]) for one in found] == wanted


class Elsewhere:
    """An image that is no array; it counts how often it is read."""

    def __init__(self, labels: np.ndarray) -> None:
        self.shape, self.reads, self._labels = labels.shape, 0, labels

    def __getitem__(self, part: Any) -> np.ndarray:
        self.reads += 1
        return self._labels[part]


def test_several_parts_in_one_task(labels: np.ndarray) -> None:
    image, frame, told = Elsewhere(labels), frame_of(labels), list[int]()
    measures = [Ahead(2), Ahead(), Ahead(0, 1)]
    found = summed_by_parts(
        image, frame, measures, chunk=20, progress=lambda *at: told.append(at[1])
    )
    assert_equal(found, summed_by_parts(labels, frame, measures, chunk=64))
    # a cube is read once for all measures that see cubes
    assert image.reads == told[-1] == 8 * 4 * 7 + 8 * 7
    assert 16 < len(told) < 60


def test_windows_are_padded_with_255_beyond_the_border(labels: np.ndarray) -> None:
    padded = np.pad(labels, 20, constant_values=255)
    for start, stop in (((0, 0, 0), (30, 70, 9)), ((90, 3, 100), (141, 9, 135))):
        part = tuple(slice(a, b + 40) for a, b in zip(start, stop, strict=True))
        assert np.array_equal(window(labels, start, stop, 20), padded[part])
    assert np.shares_memory(window(labels, (30, 30, 30), (60, 60, 60), 5), labels)
    with pytest.raises(InputError, match="dtype int16; expected uint8"):
        window(labels.astype(np.int16), (0, 0, 0), (9, 9, 9))


def test_a_store_by_processes(undisturbed: Path, whole: np.ndarray) -> None:
    frame, wanted = frame_of(whole, (0, 1)), Wanted(("volume_fraction", "two_point_coverage"), 4)
    stored, measures = stored_labels(open_volume(undisturbed)), sum_measures(wanted, frame)
    told: list[tuple[str, int, int]] = []
    found = summed_by_parts(
        stored, frame, measures, chunk=100, workers=2, progress=lambda *at: told.append(at)
    )
    assert_equal(found, summed([whole], frame, wanted))
    assert told == [("parts", done, 12) for done in range(13)]


def test_a_memory_map(labels: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", labels)
    mapped = np.load(tmp_path / "labels.npy", mmap_mode="r")
    frame, wanted = frame_of(labels), Wanted(("volume_fraction",), 5)
    found = summed_by_parts(mapped, frame, sum_measures(wanted, frame), chunk=100)
    assert_equal(found, summed([labels], frame, wanted))


def test_what_goes_to_another_process_is_the_part_alone(labels: np.ndarray) -> None:
    frame = frame_of(labels)
    sizes = [len(pickle.dumps(one)) for one in _tasks(labels, frame, {None: [Ahead(3)]}, 50, 1)]
    assert max(sizes) < 60**3


def test_a_store_with_missing_blocks_is_refused(model: ExcursionModel, tmp_path: Path) -> None:
    generate(model, tmp_path / "v", shape=(130, 20, 20), backend="numpy", workers=1)
    (tmp_path / "v/0/c/1/0/0").unlink()
    with pytest.raises(StoreError, match="1 of 2 blocks are not written; run generate with"):
        stored_labels(open_volume(tmp_path / "v"))


def test_a_store_that_is_replaced_is_not_read(model: ExcursionModel, tmp_path: Path) -> None:
    request: dict[str, Any] = {"shape": (40, 30, 20), "backend": "numpy", "workers": 1}
    generate(model, tmp_path / "v", seed=1, **request)
    stored = stored_labels(open_volume(tmp_path / "v"))
    generate(model, tmp_path / "v", seed=2, overwrite=True, **request)
    with pytest.raises(StoreError, match="was replaced by another volume"):
        window(stored, (0, 0, 0), (5, 5, 5))


def test_wrong_requests(labels: np.ndarray) -> None:
    frame = frame_of(labels)
    with pytest.raises(InputError, match="chunk is 0: expected a positive number"):
        summed_by_parts(labels, frame, [Ahead()], chunk=0)
    with pytest.raises(InputError, match=r"image has shape \(9, 70, 135\); expected"):
        summed_by_parts(labels[:9], frame, [Ahead()])
