"""Volumes with a profile: whole from their tiles, resumable, known to whoever opens them."""

from __future__ import annotations

import json
from pathlib import Path

import dask.array
import numpy as np
import pytest
from tiles.conftest import SEED, build_model

from morphgen.errors import InputError, StoreError
from morphgen.excursion import ExcursionModel, Profile, Realization
from morphgen.tiles import LazyVolume, generate, open_volume, plan, to_dask, verify

SHAPE = (140, 40, 150)
PROFILE = Profile("z", (0.0, 0.5, 1.0), {0: (0.8, 0.4, 0.2)}, relative=True)
ABSOLUTE = PROFILE.in_volume(140.0)


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graded") / "volume.zarr"
    generate(
        build_model(), path, shape=SHAPE, seed=SEED, backend="numpy", workers=1, profile=PROFILE
    )
    return path


def test_a_stored_volume_is_the_window(graded: Path) -> None:
    volume = open_volume(graded)
    assert volume.record.profile == ABSOLUTE
    sample = Realization(build_model(), SEED, profile=ABSOLUTE)
    np.testing.assert_array_equal(volume.labels()[:], sample.window((0, 0, 0), SHAPE))
    assert verify(volume, "all").passed


@pytest.mark.parametrize("chunks", [(70, 40, 30), (33, 11, 64)])
def test_tiles_make_the_whole(graded: Path, chunks: tuple[int, ...]) -> None:
    whole = open_volume(graded).labels()[:]
    sample = Realization(build_model(), SEED, profile=ABSOLUTE)
    lazy = to_dask(sample, SHAPE, chunks=chunks)
    np.testing.assert_array_equal(lazy[20:60, :, 100:].compute(), whole[20:60, :, 100:])
    assert lazy.name == to_dask(sample, SHAPE, chunks=chunks).name
    assert lazy.name != to_dask(Realization(build_model(), SEED), SHAPE, chunks=chunks).name
    assert isinstance(lazy, dask.array.Array)


def test_a_lazy_volume_tells_of_its_profile(graded: Path) -> None:
    view = LazyVolume(Realization(build_model(), SEED, profile=ABSOLUTE), SHAPE)
    np.testing.assert_array_equal(view[130, 5:9], open_volume(graded).labels()[130, 5:9])
    assert json.loads(json.dumps(view.attrs))["profile"]["positions"] == [0.0, 70.0, 140.0]
    assert LazyVolume(Realization(build_model()), SHAPE).attrs["profile"] is None


def test_a_block_that_is_lost_is_written_again(
    graded: Path, model: ExcursionModel, tmp_path: Path
) -> None:
    path = tmp_path / "volume.zarr"
    generate(model, path, shape=SHAPE, seed=SEED, backend="numpy", workers=1, profile=PROFILE)
    (path / "0" / "c" / "1" / "0" / "0").unlink()
    again = generate(model, path, shape=SHAPE, seed=SEED, resume=True, workers=1, profile=ABSOLUTE)
    assert again.written == 1
    for file in (graded / "0").rglob("*"):
        if file.is_file():
            assert (path / "0" / file.relative_to(graded / "0")).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("other", [None, Profile("z", (0.0, 140.0), {0: (0.8, 0.2)})])
def test_another_profile_does_not_continue_a_store(
    graded: Path, model: ExcursionModel, other: Profile | None
) -> None:
    before = (graded / "zarr.json").read_bytes()
    with pytest.raises(StoreError, match="profile") as caught:
        generate(model, graded, shape=SHAPE, seed=SEED, resume=True, profile=other)
    assert "\n" not in str(caught.value)
    assert (graded / "zarr.json").read_bytes() == before


def test_versions_that_know_no_profiles_read_what_has_none(graded: Path, undisturbed: Path) -> None:
    versions = [
        json.loads((path / "zarr.json").read_text())["attributes"]["morphgen"]["format_version"]
        for path in (graded, undisturbed)
    ]
    assert versions == [2, 1]


def test_wrong_profiles_are_refused_before_anything_is_written(
    model: ExcursionModel, tmp_path: Path
) -> None:
    path = tmp_path / "volume.zarr"
    ask = {"shape": SHAPE, "profile": Profile("x", (0.0, 150.0), {5: (0.2, 0.3)})}
    with pytest.raises(InputError, match="label 5"):
        generate(model, path, **ask)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="z cannot be periodic"):
        plan(model, SHAPE, profile=PROFILE, periodic=("z",))
    assert not path.exists()
