"""What `describe` takes from Python."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr

import morphgen as mg
from morphgen.descriptors import Description
from morphgen.errors import InputError

KINDS = ("volume_fraction", "two_point_coverage", "cluster_number")
NAMES = "0=pore,1=solid,2=binder"


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(8).integers(0, 3, (34, 40, 44), dtype=np.uint8)


def same(one: Description, other: Description) -> bool:
    pairs = zip(one.readings, other.readings, strict=True)
    return (one.phases, one.shape, one.spacing) == (other.phases, other.shape, other.spacing) and (
        all(a.key == b.key and np.array_equal(a.values, b.values) for a, b in pairs)
    )


def test_arrays_that_are_read_window_by_window(labels: np.ndarray, tmp_path: Path) -> None:
    ask = {"kinds": KINDS, "max_lag": 5, "voxel_size": (2.0, 1.0, 1.0), "unit": "um"}
    whole = mg.describe(labels, phases=NAMES, **ask)
    np.save(tmp_path / "labels.npy", labels)
    mapped = np.load(tmp_path / "labels.npy", mmap_mode="r")
    stored = zarr.create_array(tmp_path / "labels.zarr", data=labels, chunks=(16, 16, 16))
    for array in (mapped, stored):
        found = mg.describe(array, phases=NAMES, chunk=20, workers=1, **ask)
        assert same(found, whole)
        assert found.spacing == (2.0, 1.0, 1.0)
    ask["kinds"] = KINDS[:1]
    found = mg.describe(mapped, phases=NAMES, chunk=20, workers=2, **ask)
    assert same(found, mg.describe(labels, phases=NAMES, **ask))


def test_values_of_large_arrays_become_labels_of_phases(labels: np.ndarray) -> None:
    values = np.array([0, 300, -7], dtype=np.int16)[labels]
    names = "0=pore,300=solid,-7=outside"
    stored = zarr.create_array({}, data=values, chunks=(16, 16, 16))
    ask = {"kinds": KINDS, "max_lag": 5}
    assert same(mg.describe(stored, phases=names, **ask), mg.describe(values, phases=names, **ask))
    with pytest.raises(InputError, match=r"no phase is given for -7; name it in phases"):
        mg.describe(stored, phases="0=pore,300=solid", **ask)


def test_a_memory_map_is_not_loaded(tmp_path: Path) -> None:
    file = tmp_path / "large.npy"
    # a sparse file: 1 GiB, of which nothing lies on the disk
    mapped = np.lib.format.open_memmap(file, "w+", np.uint8, (256, 2048, 2048))
    tracemalloc.start()
    found = mg.describe(
        mapped, phases="0=pore,1=solid", kinds=["cluster_number"], subvolumes=1, subvolume_edge=8
    )
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    assert found.subvolumes is not None
    assert found.subvolumes.shape == (8, 8, 8)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ([1, 2], r"the image is a list; expected an array, a Section or several"),
        ("image.tif", r"the image is a str; expected an array"),
        (None, r"the image is a NoneType; expected an array"),
        ([], "no section to measure"),
        (torch.zeros((8, 8, 8), dtype=torch.uint8), "is a Tensor; .* copy it to the host"),
        (zarr.create_array({}, shape=(4, 4, 4), dtype="uint8"), "is a Array, .* give phases"),
    ],
)
def test_what_is_no_image(image: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        mg.describe(image)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("shape", "dtype"), [((4, 4), "uint8"), ((4, 4, 4), "float32")])
def test_large_arrays_that_are_no_label_volumes(shape: tuple[int, ...], dtype: str) -> None:
    with pytest.raises(InputError, match="expected integers and three axes"):
        mg.describe(zarr.create_array({}, shape=shape, dtype=dtype), phases="0=a,1=b")
