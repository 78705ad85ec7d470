from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from tiles.conftest import SEED, SHAPE, build_model, shards
from tiles.test_downsample import majority

from morphgen.errors import InputError, StoreError
from morphgen.excursion import ExcursionModel
from morphgen.tiles import BatchTask, compute_batch, generate, open_labels, open_volume
from morphgen.tiles.arrays import create_array
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.metadata import checked_levels
from morphgen.tiles.place import LocalPlace
from morphgen.tiles.shards import shard_key

LEVELS = 3


@pytest.fixture(scope="module")
def pyramid(
    undisturbed: Path, model: ExcursionModel, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The undisturbed volume with levels."""
    path = tmp_path_factory.mktemp("pyramid") / "volume.zarr"
    shutil.copytree(undisturbed, path)
    told: list[tuple[str, int, int]] = []
    made = again(model, path, levels=LEVELS, resume=True, progress=lambda *at: told.append(at))
    assert (made.written, made.levels, made.coarse_written) == (0, LEVELS, 4)
    assert told[:3] == [("level 1", 0, 2), ("level 1", 1, 2), ("level 1", 2, 2)]
    return path


def again(model: ExcursionModel, path: Path | str, **changes: Any) -> Any:
    request: dict[str, Any] = {"shape": SHAPE, "seed": SEED, "backend": "numpy", "workers": 1}
    return generate(model, path, **(request | changes))


def files(path: Path) -> dict[str, bytes]:
    """Every file of the arrays: the group also tells when it was made."""
    found = (f for f in path.rglob("*") if f.is_file() and f != path / "zarr.json")
    return {str(f.relative_to(path)): f.read_bytes() for f in found}


def test_every_level_is_the_one_below_at_half_the_resolution(
    pyramid: Path, whole: np.ndarray, undisturbed: Path
) -> None:
    volume = open_volume(pyramid)
    assert volume.complete
    assert shards(pyramid) == shards(undisturbed)
    below = whole
    for level in range(1, LEVELS + 1):
        labels = np.asarray(volume.labels(level)[:])
        assert np.array_equal(labels, majority(below))
        assert volume.labels(level).shards == (128,) * 3
        below = labels
    assert below.shape == (25, 19, 33)


@pytest.mark.parametrize("workers", [1, 2])
def test_levels_of_a_new_volume_are_the_same_bytes(
    pyramid: Path, model: ExcursionModel, tmp_path: Path, workers: int
) -> None:
    made = again(model, tmp_path / "v.zarr", levels=LEVELS, workers=workers)
    assert (made.written, made.coarse_written) == (12, 4)
    assert files(made.path) == files(pyramid)


def test_levels_take_processes_where_they_are_many(
    pyramid: Path, model: ExcursionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["morphgen.tiles.generate"], "_FEW_COARSE_BLOCKS", 0)
    path = tmp_path / "v.zarr"
    shutil.copytree(pyramid, path)
    for level in ("1", "2", "3"):
        shutil.rmtree(path / level)
    assert not open_volume(path).complete
    assert again(model, path, workers=2, resume=True).coarse_written == 4
    assert files(path) == files(pyramid)


def test_resume_finishes_a_missing_level(
    pyramid: Path, model: ExcursionModel, tmp_path: Path
) -> None:
    path = tmp_path / "v.zarr"
    shutil.copytree(pyramid, path)
    whole_files = files(path)
    (path / shard_key("1", (0, 0, 1))).unlink()
    shard = path / shard_key("2", (0, 0, 0))
    shard.write_bytes(shard.read_bytes()[:-1])
    (path / "3" / "zarr.json").unlink()
    volume = open_volume(path)
    assert [missing.tolist() for missing in volume.missing_by_level] == [[], [1], [0], []]
    assert not volume.complete
    # a run that says nothing of levels keeps those that are there
    made = again(model, path, resume=True)
    assert (made.written, made.coarse_written, made.levels) == (0, 2, LEVELS)
    assert files(path) == whole_files
    assert open_volume(path).complete


def test_a_level_is_not_made_from_what_is_missing(
    pyramid: Path, tmp_path: Path, model: ExcursionModel
) -> None:
    path = tmp_path / "v.zarr"
    shutil.copytree(pyramid, path)
    (path / shard_key("0", (1, 0, 1))).unlink()
    (path / shard_key("1", (0, 0, 0))).unlink()
    volume = open_volume(path)
    task = BatchTask(str(path), volume.record.identity(), (0,), level=1)
    with pytest.raises(StoreError, match="level 0 is not written yet"):
        compute_batch(task)
    assert again(model, path, resume=True).written == 1
    assert files(path) == files(pyramid)


def test_levels_are_no_part_of_the_identity(pyramid: Path, undisturbed: Path) -> None:
    with_levels, without = open_volume(pyramid).record, open_volume(undisturbed).record
    assert with_levels.identity() == without.identity()
    assert with_levels.origin == without.origin


def test_fewer_levels_take_none_away(pyramid: Path, model: ExcursionModel) -> None:
    assert again(model, pyramid, levels=1, resume=True).levels == LEVELS
    with pytest.raises(StoreError, match="downsampling majority, not nearest"):
        again(model, pyramid, downsample="nearest", resume=True)


def test_overwriting_takes_levels_away(
    pyramid: Path, tmp_path: Path, model: ExcursionModel
) -> None:
    path = tmp_path / "v.zarr"
    shutil.copytree(pyramid, path)
    again(model, path, shape=(20, 20, 20), overwrite=True)
    assert sorted(entry.name for entry in path.iterdir()) == ["0", "zarr.json"]


@pytest.mark.parametrize("kills", [1, 3])
def test_no_level_outlives_an_overwriting_that_was_killed(
    pyramid: Path,
    tmp_path: Path,
    model: ExcursionModel,
    monkeypatch: pytest.MonkeyPatch,
    kills: int,
) -> None:
    path = tmp_path / "v.zarr"
    shutil.copytree(pyramid, path)

    def killed(self: LocalPlace, key: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # before anything is deleted, once or again
        patch.setattr(LocalPlace, "delete", killed)
        for _ in range(kills):
            with pytest.raises(KeyboardInterrupt):
                again(model, path, shape=(20, 20, 20), overwrite=True)
    assert (path / str(LEVELS)).exists()
    assert again(model, path, shape=(20, 20, 20), resume=True).levels == 0
    assert sorted(entry.name for entry in path.iterdir()) == ["0", "zarr.json"]


@pytest.mark.parametrize("moment", [1, 2])
def test_no_level_outlives_a_creation_that_was_killed(
    tmp_path: Path, model: ExcursionModel, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    path = tmp_path / "v.zarr"

    def killed(group: zarr.Group, level: int, *rest: Any) -> Any:
        if level > moment:
            raise KeyboardInterrupt
        return create_array(group, level, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["morphgen.tiles.store"], "create_array", killed)
        with pytest.raises(KeyboardInterrupt):
            again(model, path, shape=(20, 20, 20), levels=3)
    again(model, path, shape=(20, 20, 20), resume=True)
    assert sorted(entry.name for entry in path.iterdir()) == ["0", "zarr.json"]
    # levels that are added are told of last
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["morphgen.tiles.store"], "create_array", killed)
        with pytest.raises(KeyboardInterrupt):
            again(model, path, shape=(20, 20, 20), levels=3, resume=True)
    assert (path / str(moment)).exists()
    again(model, path, shape=(20, 20, 20), overwrite=True)
    assert sorted(entry.name for entry in path.iterdir()) == ["0", "zarr.json"]


def test_nearest_levels(model: ExcursionModel, whole: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "v.zarr"
    made = again(model, path, shape=(70, 60, 130), levels=2, downsample="nearest", chunk=32)
    assert made.coarse_written == 2
    expected = whole[:70, :60, :130][::4, ::4, ::4]
    assert np.array_equal(open_labels(path, level=2)[:], expected)


def test_viewers_find_where_every_level_lies(tmp_path: Path) -> None:
    path = tmp_path / "v.zarr"
    again(build_model(), path, shape=(20, 20, 20), levels=2)
    scales = zarr.open_group(str(path), mode="r").attrs["ome"]["multiscales"][0]
    assert [one["path"] for one in scales["datasets"]] == ["0", "1", "2"]
    assert scales["type"] == "majority"
    transforms = [one["coordinateTransformations"] for one in scales["datasets"]]
    assert transforms[0] == [{"type": "scale", "scale": [1.0] * 3}]
    # the centre of the first voxel of level 2 lies between voxels 1 and 2
    assert transforms[2] == [
        {"type": "scale", "scale": [4.0] * 3},
        {"type": "translation", "translation": [1.5] * 3},
    ]


def test_number_of_levels() -> None:
    grid = BlockGrid((200, 150, 1025), 128)
    assert checked_levels("auto", grid) == 4
    assert len(grid.halved().halved().halved().halved()) == 1
    assert len(grid.halved().halved().halved()) == 2
    assert checked_levels("auto", BlockGrid((128, 5, 5), 128)) == 0
    assert checked_levels(11, grid) == 11
    for wrong in (12, -1, "many", 1.5):
        with pytest.raises(InputError, match="levels"):
            checked_levels(wrong, grid)  # type: ignore[arg-type]


def test_stores_of_before_levels_are_read(undisturbed: Path, tmp_path: Path) -> None:
    path = tmp_path / "v.zarr"
    shutil.copytree(undisturbed, path)
    content = json.loads((path / "zarr.json").read_text())
    del content["attributes"]["morphgen"]["pyramid"], content["attributes"]["morphgen"]["origin"]
    (path / "zarr.json").write_text(json.dumps(content))
    assert open_volume(path).complete
    assert open_volume(path).record.identity() == open_volume(undisturbed).record.identity()
