"""Volumes in a store, measured as they are in memory."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from morphgen.descriptors import Frame, Reading, Wanted, measure
from morphgen.descriptors.subvolumes import Placement
from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel
from morphgen.tiles import generate, measuring, open_volume
from morphgen.tiles.cluster import Access
from morphgen.tiles.measuring import measured_volume, part_memory
from morphgen.tiles.windows import stored_labels

WANTED = Wanted(("volume_fraction", "spherical_contact", "connected_fraction"), 5)


@pytest.fixture(scope="module")
def frame(whole: np.ndarray) -> Frame:
    return Frame(whole.shape, (1.0, 1.0, 1.0), "zyx", (0, 1), "um")


@pytest.fixture(scope="module")
def in_memory(whole: np.ndarray, frame: Frame) -> tuple[Reading, ...]:
    return measure(whole, frame, WANTED)


@pytest.mark.parametrize(("workers", "kinds"), [(1, WANTED.kinds), (2, WANTED.kinds[1:])])
def test_what_is_seen_whole_is_measured_on_the_same_sub_volumes(
    undisturbed: Path,
    frame: Frame,
    in_memory: tuple[Reading, ...],
    workers: int,
    kinds: tuple[str, ...],
) -> None:
    told: list[tuple[str, int, int]] = []
    found = measured_volume(
        stored_labels(open_volume(undisturbed)),
        frame,
        replace(WANTED, kinds=kinds),
        Access(workers),
        progress=lambda *at: told.append(at),
    )
    in_memory = tuple(one for one in in_memory if one.key.kind in kinds)
    assert [one.key for one in found] == [one.key for one in in_memory]
    for mine, theirs in zip(found, in_memory, strict=True):
        np.testing.assert_array_equal(mine.values, theirs.values)
        assert (mine.standard_error is not None) == (mine.key.kind == "spherical_contact")
        assert (mine.standard_error is None) == (theirs.standard_error is None)
        if mine.standard_error is not None and theirs.standard_error is not None:
            np.testing.assert_array_equal(mine.standard_error, theirs.standard_error)
    assert [at for at in told if at[0] == "sub-volumes"] == [
        ("sub-volumes", done, 8) for done in range(9)
    ]


def test_a_small_array_stays_in_this_process_unless_processes_are_asked_for(
    whole: np.ndarray, frame: Frame, in_memory: tuple[Reading, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    spread = measuring.spread
    monkeypatch.setattr(measuring, "usable_cpus", lambda: 3)
    monkeypatch.setattr(
        measuring, "summed_by_parts", lambda *_, workers, **__: asked.append(workers) or []
    )
    monkeypatch.setattr(measuring, "spread", lambda function, tasks, **_: spread(function, tasks))
    small, own = whole[:150], replace(frame, shape=(150, *whole.shape[1:]))
    for labels, its in ((small, own), (whole, frame)):
        found = measured_volume(labels, its, WANTED, Access())
    assert asked == [1, 3]
    theirs = {one.key: one.values for one in in_memory}
    for one in found:
        np.testing.assert_array_equal(one.values, theirs[one.key])


def test_a_cluster_measures_stores_only(whole: np.ndarray, frame: Frame) -> None:
    with pytest.raises(InputError, match="a cluster measures volumes in a store"):
        measured_volume(whole, frame, WANTED, Access(scheduler="tcp://127.0.0.1:1"))


def test_the_memory_of_a_part_does_not_depend_on_the_volume(frame: Frame) -> None:
    measures = measuring.sum_measures(Wanted(("two_point_coverage",), 40), frame)
    large = replace(frame, shape=(10**5,) * 3)
    assert part_memory(large, measures, 128) == part_memory(
        replace(large, shape=(128,) * 3), measures, 128
    )
    assert part_memory(large, measures, 256) > 2 * part_memory(large, measures, 128)
    with pytest.raises(InputError, match=r"1 workers need .* GiB of memory, .* a smaller chunk"):
        measured_volume(
            np.empty((0,) * 3), large, Wanted(("two_point_coverage",), 9), Access(), chunk=10**4
        )


def test_the_memory_of_a_sub_volume_counts(frame: Frame) -> None:
    kinds = ("volume_fraction", "tortuosity_factor")
    wanted = Wanted(kinds, 5)
    sums, wholes = measuring.sum_measures(wanted, frame), measuring.whole_measures(wanted, frame)
    need = part_memory(frame, sums, 16, wholes)
    # torch is loaded, and 96^3 voxels are solved
    assert need > part_memory(frame, sums, 16) + (270 << 20) + 100 * 96**3
    assert part_memory(frame, sums, 16, wholes, Placement(edge=48)) < need
    large = Placement(edge=10**5, most=1)
    big = replace(frame, shape=(10**5,) * 3)
    with pytest.raises(InputError, match=r"GiB of memory, .* or sub-volume edge"):
        measured_volume(np.empty((0,) * 3), big, wanted, Access(1), placement=large)


# the largest resident memory, and what was predicted
MEASURE = """
import json, sys
import morphgen as mg
from morphgen.descriptors import Frame
from morphgen.descriptors.measures import Wanted, sum_measures, whole_measures
from morphgen.descriptors.subvolumes import Placement
from morphgen.tiles.measuring import part_memory
volume = mg.open_volume(sys.argv[1])
kinds = sys.argv[2].split(",")
names = {"pore": 1.0, "grain": 0.3}
mg.describe(volume, kinds=kinds, max_lag=20, chunk=96, workers=1, ionic=names, subvolumes=1)
frame = Frame(volume.shape, (1.0,) * 3, "zyx", (0, 1))
wanted = Wanted(tuple(kinds), 20, ((0, 1.0), (1, 0.3)))
sums, wholes = sum_measures(wanted, frame), whole_measures(wanted, frame)
predicted = part_memory(frame, sums, 96, wholes, Placement(most=1))
# ru_maxrss would begin with what the process had that started this one
lines = open("/proc/self/status").read().splitlines()
peak = next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
print(json.dumps([peak, predicted]))
"""


SUMS = ("volume_fraction", "two_point_coverage", "interface_area", "mean_chord_length")
# of those that must see a volume as a whole, one for each measure
WHOLES = (
    "cluster_number",
    "spherical_contact",
    "phase_size_radius",
    "mean_geodesic_tortuosity",
    "effective_ionic_conductivity",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kinds", "least", "most"),
    [
        (SUMS, 100e6, 300e6),
        *(((kind,), 100e6, 700e6) for kind in WHOLES),
        ((*SUMS, *WHOLES, "tortuosity_factor"), 300e6, 1e9),
    ],
)
def test_memory_stays_below_what_is_predicted(
    model: ExcursionModel, tmp_path: Path, kinds: tuple[str, ...], least: float, most: float
) -> None:
    generate(model, tmp_path / "v", shape=(256,) * 3, backend="numpy", workers=1)
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "v"), ",".join(kinds)],
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    peak, predicted = json.loads(run.stdout)
    # the sums of the whole volume at once would take five times as much
    assert least < peak < predicted < most
