from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiles.conftest import SEED, build_model

from morphgen.errors import InputError, StoreError
from morphgen.excursion import ExcursionModel
from morphgen.tiles import generate, open_labels, open_volume, verify
from morphgen.tiles.shards import shard_key

SHAPE = (130, 60, 260)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("verify") / "v.zarr"
    generate(
        build_model(), path, shape=SHAPE, seed=SEED, backend="numpy", workers=1, levels=2, chunk=64
    )
    return path


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "v.zarr"))


def change(store: Path, voxels: int, level: int = 0) -> None:
    """Give other labels to some voxels of the last block, with right checksums."""
    array = open_labels(store, writable=True, level=level)
    last = open_volume(store).record.grid_of(level)
    part = last.slices(last.index(len(last) - 1))
    labels = np.asarray(array[part]).copy()
    labels.reshape(-1)[:voxels] = 1 - labels.reshape(-1)[:voxels]
    array[part] = labels


def describe(store: Path, **changes: Any) -> None:
    content = json.loads((store / "zarr.json").read_text())
    content["attributes"]["morphgen"] |= changes
    (store / "zarr.json").write_text(json.dumps(content))


def test_a_whole_volume_passes(made: Path) -> None:
    told: list[tuple[str, int, int]] = []
    found = verify(made, "all", progress=lambda *at: told.append(at))
    assert (found.passed, found.identical_expected) == (True, True)
    assert (found.checked, found.missing, found.rounded) == ((6, 2, 1), (0, 0, 0), 0)
    assert found.voxels == 130 * 60 * 260 + 65 * 30 * 130 + 33 * 15 * 65
    assert told == [("verify", done, 9) for done in range(10)]


def test_a_sample_is_drawn_by_its_seed(made: Path) -> None:
    found = verify(open_volume(made), 2, seed=5)
    assert found == verify(made, 2, seed=5)
    assert found.checked == (2, 2, 1)
    voxels = {verify(made, 1, seed=seed).voxels for seed in range(4)}
    assert len(voxels) > 1


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_changed_voxel_is_found(store: Path, level: int) -> None:
    change(store, 1, level)
    found = verify(store, "all")
    assert not found.passed
    first = found.different[0]
    grid = open_volume(store).record.grid_of(level)
    assert (first.level, first.index) == (level, grid.index(len(grid) - 1))
    assert first.start == tuple(s.start for s in grid.slices(first.index))
    assert first.file == str(store / shard_key(str(level), first.index))
    assert first.voxels == 1


def test_flipped_bits_are_found(store: Path) -> None:
    for level in (0, 2):
        shard = store / shard_key(str(level), (0, 0, 0))
        content = bytearray(shard.read_bytes())
        content[20] ^= 1
        shard.write_bytes(content)
    found = verify(store, "all")
    wrong = {(one.level, one.index) for one in found.different}
    assert {(0, (0, 0, 0)), (2, (0, 0, 0))} <= wrong
    # what is made from a damaged block cannot be compared
    assert (1, (0, 0, 0)) in wrong
    assert (0, (0, 0, 1)) not in wrong
    assert "cannot be read" in found.different[0].reason


@pytest.mark.parametrize(
    "other", [{"versions": {"numpy": "1.0"}}, {"origin": {"cpu": "vax"}}, {"origin": {}}]
)
def test_rounding_is_allowed_in_another_environment_only(
    store: Path, other: dict[str, Any]
) -> None:
    change(store, 1)
    assert not verify(store, "all").passed
    if "versions" in other:
        other = {"versions": open_volume(store).versions | other["versions"]}
    describe(store, **other)
    found = verify(store, "all")
    # the coarser level was made from what is there no more, and may not differ
    assert {one.level for one in found.different} <= {1}
    assert (found.identical_expected, found.rounded) == (False, 1)
    change(store, 20)
    assert 0 in {one.level for one in verify(store, "all").different}


def test_missing_blocks_are_told(store: Path, model: ExcursionModel) -> None:
    (store / shard_key("0", (1, 0, 2))).unlink()
    found = verify(store, "all")
    assert (found.checked, found.missing) == ((5, 2, 1), (1, 0, 0))


def test_what_compared_nothing_does_not_pass(store: Path) -> None:
    for level in range(3):
        shutil.rmtree(store / str(level) / "c")
    found = verify(store, "all")
    assert (found.checked, found.missing, found.different) == ((0, 0, 0), (6, 2, 1), ())
    assert not found.passed


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("how", ["absent", "broken", "empty object", "another shape"])
def test_a_store_without_its_array_metadata_is_not_verified(
    store: Path, level: int, how: str
) -> None:
    opened = open_volume(store)
    assert opened.described
    metadata = store / str(level) / "zarr.json"
    content = metadata.read_text()
    metadata.unlink()
    if how != "absent":
        other = content.replace("130", "131").replace("260", "261")
        spoiled = {"broken": "{", "empty object": "{}", "another shape": other}
        metadata.write_text(spoiled[how])
    # also where it was looked at before the damage
    for volume in (store, opened):
        with pytest.raises(StoreError, match="metadata lost or damaged; run generate") as caught:
            verify(volume, 1)
        assert str(metadata) in str(caught.value)
    with pytest.raises(StoreError, match="delete that file") as caught:
        opened.read((slice(0, 1), slice(0, 1), slice(0, 1)), level)
    assert f"{metadata} cannot be read" in str(caught.value)
    assert open_volume(store).missing.size == 0
    generate(build_model(), store, shape=SHAPE, seed=SEED, backend="numpy", chunk=64, resume=True)
    assert metadata.read_text() == content
    assert verify(store, 1).passed


@pytest.mark.parametrize("wrong", [0, -3, "some", "3", 2.5, True, np.float64(3.0), None])
def test_bad_numbers_are_refused(made: Path, wrong: Any) -> None:
    with pytest.raises(InputError, match="expected a positive number, or all"):
        verify(made, wrong)


def test_other_integers_and_seeds(made: Path) -> None:
    assert verify(made, np.int64(1), seed=0).checked == (1, 1, 1)
    for seed in (-1, 2**64, 0.5):
        with pytest.raises(InputError, match="seed"):
            verify(made, 1, seed=seed)  # type: ignore[arg-type]
