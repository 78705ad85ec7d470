"""Stores at URLs: memory:// in this process, file:// with processes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiles.conftest import SEED, SHAPE, shards
from zarr.storage import FsspecStore

from morphgen.errors import GenerationError, InputError, StoreError
from morphgen.excursion import ExcursionModel
from morphgen.tiles import BatchTask, compute_batch, generate, open_volume, plan, verify
from morphgen.tiles.metadata import VolumeRecord
from morphgen.tiles.place import LocalPlace
from morphgen.tiles.remote import RemotePlace, place_of
from morphgen.tiles.shards import shard_key
from morphgen.tiles.store import State, create, state_of

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def url() -> Iterator[str]:
    """A place in this process's memory, empty."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    yield "memory://volumes/v.zarr"
    files.store.clear()


def content(url: str) -> dict[str, bytes]:
    """Every object of the label array's chunks, by name."""
    files, root = fsspec.core.url_to_fs(url)
    top = f"{root}/0/c/"
    return {name.removeprefix(top): files.cat_file(name) for name in files.find(top)}


def again(model: ExcursionModel, location: str, **changes: Any) -> Any:
    request: dict[str, Any] = {"shape": SHAPE, "seed": SEED, "backend": "numpy"}
    return generate(model, location, **(request | changes))


def test_a_volume_in_memory(
    model: ExcursionModel, url: str, undisturbed: Path, whole: np.ndarray
) -> None:
    assert state_of(url) is State.ABSENT
    made = again(model, url, levels=1)
    assert (made.location, made.workers, made.written) == (url, 1, 12)
    assert content(url) == shards(undisturbed)
    volume = open_volume(url)
    assert volume.complete
    assert volume.record.identity() == open_volume(undisturbed).record.identity()
    part = (slice(100, 140), slice(0, 9), slice(120, 140))
    assert np.array_equal(volume.read(part), whole[part])
    with pytest.raises(StoreError, match="no folder"):
        _ = volume.path
    with pytest.raises(StoreError, match="exists"):
        again(model, url)
    assert again(model, url, resume=True).written == 0


@pytest.mark.parametrize("how", ["absent", "cut off", "empty", "zeros"])
def test_what_is_not_whole_at_a_url_is_written_again(
    model: ExcursionModel, url: str, undisturbed: Path, how: str
) -> None:
    again(model, url)
    files, root = fsspec.core.url_to_fs(url)
    name = f"{root}/{shard_key('0', (0, 1, 2))}"
    before = files.cat_file(name)
    spoiled = {"cut off": before[:-1], "empty": b"", "zeros": bytes(len(before))}
    files.rm(name)
    if how != "absent":
        files.pipe_file(name, spoiled[how])
    files.pipe_file(f"{root}/0/c/7/7/7", b"stray")
    volume = open_volume(url)
    assert volume.missing.tolist() == [volume.grid.number((0, 1, 2))]
    assert again(model, url, resume=True).written == 1
    files.rm(f"{root}/0/c/7/7/7")
    assert content(url) == shards(undisturbed)


def test_a_damaged_chunk_at_a_url_is_named(model: ExcursionModel, url: str) -> None:
    again(model, url, shape=(20, 20, 150))
    files, root = fsspec.core.url_to_fs(url)
    name = f"{root}/{shard_key('0', (0, 0, 1))}"
    spoiled = bytearray(files.cat_file(name))
    spoiled[30] ^= 1
    files.pipe_file(name, bytes(spoiled))
    with pytest.raises(StoreError, match=r"v\.zarr/0/c/0/0/1 cannot be read"):
        open_volume(url).read((slice(None), slice(None), slice(None)))
    found = verify(url, "all")
    assert [one.index for one in found.different] == [(0, 0, 1)]


def test_a_replaced_store_at_a_url_gets_no_blocks(model: ExcursionModel, url: str) -> None:
    again(model, url, shape=(20, 20, 150))
    record = open_volume(url).record
    task = BatchTask(url, record.identity(), (0,))
    assert compute_batch(task).numbers == (0,)
    create(url, VolumeRecord(model, SEED + 1, record.shape, (), 128, record.backend))
    with pytest.raises(StoreError, match="replaced"):
        compute_batch(task)
    assert open_volume(url).written == 0
    fsspec.filesystem("memory").store.clear()
    with pytest.raises(StoreError, match="gone"):
        compute_batch(task)


def test_other_things_at_a_url_are_never_touched(model: ExcursionModel, url: str) -> None:
    files, root = fsspec.core.url_to_fs(url)
    files.pipe_file(f"{root}/data.csv", b"precious")
    for option in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(StoreError, match="no morphgen volume"):
            again(model, url, **option)
    assert files.find(root) == [f"{root}/data.csv"]


def test_memory_is_seen_by_one_process(model: ExcursionModel, url: str) -> None:
    assert plan(model, SHAPE, path=url, backend="numpy").workers == 1
    assert plan(model, SHAPE, path=url, backend="numpy").disk_free is None
    with pytest.raises(InputError, match="no other process sees"):
        again(model, url, workers=2)


def test_two_processes_write_to_a_url(
    model: ExcursionModel, undisturbed: Path, tmp_path: Path
) -> None:
    url = f"file://{tmp_path}/deep/v.zarr"
    assert isinstance(place_of(url), RemotePlace)
    made = again(model, url, workers=2)
    assert (made.workers, made.written) == (2, 12)
    folder = tmp_path / "deep" / "v.zarr"
    assert shards(folder) == shards(undisturbed)
    # a cut off file is found through either name
    shard = folder / shard_key("0", (1, 0, 0))
    shard.write_bytes(shard.read_bytes()[:1000])
    assert open_volume(folder).missing.tolist() == open_volume(url).missing.tolist() == [6]
    shutil.rmtree(folder / "0" / "c" / "0")
    assert again(model, url, workers=2, resume=True).written == 7
    assert shards(folder) == shards(undisturbed)


def test_an_error_at_a_url_names_the_block(
    model: ExcursionModel, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    again(model, url, shape=(20, 20, 150))
    volume = open_volume(url)
    put = FsspecStore.set

    async def refused(self: FsspecStore, key: str, *value: Any) -> None:
        if key.endswith("0/0/1"):
            raise PermissionError("Access Denied")
        await put(self, key, *value)

    monkeypatch.setattr(FsspecStore, "set", refused)
    with pytest.raises(GenerationError, match=r"block \(0, 0, 1\) of memory://.*Access Denied"):
        compute_batch(BatchTask(url, volume.record.identity(), (0, 1)))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:hunter2@host/v.zarr",
        "s3://bucket/v.zarr?X-Amz-Signature=hunter2",
        "s3://KEY:hun/hunter2@bucket/v.zarr",
        "ftp://hunter2@host/v.zarr",
        "FTP://hunter2@host/v.zarr",
        "abfs://container:hunter2@account/v.zarr",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_repeated(model: ExcursionModel, url: str) -> None:
    for ask in (lambda: again(model, url), lambda: open_volume(url), lambda: verify(url)):
        with pytest.raises(InputError, match="password or a query") as caught:
            ask()
        assert "hunter2" not in str(caught.value)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(InputError, match=r"Install s3fs[^\n]*$"):
        open_volume("s3://bucket/v.zarr")
    with pytest.raises(InputError, match="nothing://"):
        open_volume("nothing://bucket/v.zarr")


@pytest.mark.parametrize(
    "url",
    [
        "simplecache::file://me:hunter2@localhost/v.zarr",
        "simplecache::ftp://hunter2@host/v.zarr",
        "zip://hunter2.zarr::file:///v.zip",
        "file:///hunter2::memory://v.zarr",
    ],
)
def test_chains_are_refused(model: ExcursionModel, url: str) -> None:
    for ask in (lambda: again(model, url), lambda: open_volume(url)):
        with pytest.raises(InputError, match="a chain of URLs.* give the last") as caught:
            ask()
        assert "hunter2" not in str(caught.value)


def test_a_container_is_no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "adlfs", None)
    with pytest.raises(InputError, match="adlfs"):
        open_volume("abfs://container@account.dfs.core.windows.net/v.zarr")


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1:9/v.zarr", "zip:///absent/v.zip", "reference://v.zarr", "dir://v.zarr"]
)
def test_what_cannot_be_opened_is_told_in_one_line(model: ExcursionModel, url: str) -> None:
    for ask in (lambda: again(model, url), lambda: open_volume(url)):
        with pytest.raises(InputError, match=r"cannot be opened: [^\n]*; check the URL") as caught:
            ask()
        assert str(caught.value).startswith(url)


def test_a_folder_that_cannot_be_written_has_no_credentials(model: ExcursionModel) -> None:
    with pytest.raises(StoreError, match=r"cannot be written: [^\n]*; choose another path"):
        again(model, "file:///proc/absent/v.zarr", shape=(9, 9, 9))


def test_the_name_of_a_protocol_may_be_of_large_letters(
    model: ExcursionModel, tmp_path: Path
) -> None:
    made = again(model, f"FILE://{tmp_path}/v.zarr", shape=(9, 9, 9))
    assert made.location == f"file://{tmp_path}/v.zarr"
    assert open_volume(tmp_path / "v.zarr").complete


def test_paths_are_places_as_they_are(tmp_path: Path) -> None:
    assert isinstance(place_of(tmp_path), LocalPlace)
    assert isinstance(place_of("a:b/c"), LocalPlace)
    assert isinstance(place_of("file:"), LocalPlace)
    assert isinstance(place_of(tmp_path / "file:" / "v.zarr"), LocalPlace)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_that_was_a_url_makes_no_folder(
    model: ExcursionModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"'file:/tmp/v\.zarr'.*give a URL as text"):
        again(model, kind(Path("file:///tmp/v.zarr")))
    with pytest.raises(InputError, match="begins like a URL"):
        open_volume(Path("s3://bucket/v.zarr"))
    assert not list(tmp_path.iterdir())
