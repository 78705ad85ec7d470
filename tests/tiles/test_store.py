from __future__ import annotations

import dataclasses
import json
import os
import shutil
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from tiles.conftest import SEED, SHAPE, build_model, shards

from morphgen.errors import InputError, StoreError
from morphgen.excursion import ExcursionModel
from morphgen.phases import Phase
from morphgen.tiles import Backend, generate, open_labels, open_volume, verify
from morphgen.tiles.grid import BlockGrid
from morphgen.tiles.metadata import VolumeRecord, inner_chunk, package_versions, parse_attributes
from morphgen.tiles.place import LocalPlace
from morphgen.tiles.shards import index_checksum, index_length, is_whole, shard_key
from morphgen.tiles.store import State, create, state_of


@pytest.fixture
def volume(undisturbed: Path, tmp_path: Path) -> Path:
    """Copy of a whole volume, to be spoiled."""
    return Path(shutil.copytree(undisturbed, tmp_path / "volume.zarr"))


def again(model: ExcursionModel, path: Path, **changes: Any) -> Any:
    request: dict[str, Any] = {"shape": SHAPE, "seed": SEED, "backend": "numpy", "workers": 1}
    return generate(model, path, **(request | changes))


def shard_file(store: Path, index: tuple[int, int, int], level: int = 0) -> Path:
    return store / shard_key(str(level), index)


def test_labels_are_not_compared_with_the_fill_value(volume: Path) -> None:
    assert open_labels(volume, writable=True).async_array.config.write_empty_chunks
    assert open_labels(volume).async_array.config.write_empty_chunks


def test_store_is_as_decided(volume: Path, model: ExcursionModel) -> None:
    array = open_labels(volume)
    assert (array.shape, array.dtype, array.fill_value) == (SHAPE, np.uint8, 255)
    assert (array.shards, array.chunks) == ((128,) * 3, (128,) * 3)
    metadata = json.loads((volume / "0" / "zarr.json").read_text())
    assert metadata["dimension_names"] == ["z", "y", "x"]
    sharding = metadata["codecs"][0]
    assert sharding["name"] == "sharding_indexed"
    names = [codec["name"] for codec in sharding["configuration"]["codecs"]]
    assert names == ["bytes", "zstd", "crc32c"]
    assert sharding["configuration"]["codecs"][1]["configuration"]["level"] == 1
    assert "consolidated_metadata" not in json.loads((volume / "zarr.json").read_text())


def test_store_describes_itself(volume: Path, model: ExcursionModel) -> None:
    info = open_volume(volume)
    assert (info.model, info.seed, info.shape) == (model, SEED, SHAPE)
    assert (info.voxel_size, info.unit) == ((1.0, 1.0, 1.0), "um")
    assert (info.blocks, info.written, info.complete) == (12, 12, True)
    assert info.backend == Backend("numpy", "cpu")
    assert set(info.versions) == {"python", "morphgen", "numpy", "scipy", "zarr"}
    with pytest.raises(ValueError, match="read-only"):
        info.labels()[0, 0, 0] = 1


def test_viewers_find_scale_names_and_colours(volume: Path) -> None:
    ome = zarr.open_group(str(volume), mode="r").attrs["ome"]
    assert ome["version"] == "0.5"
    scale = ome["multiscales"][0]
    assert [axis["unit"] for axis in scale["axes"]] == ["micrometer"] * 3
    assert scale["datasets"][0]["path"] == "0"
    label = ome["image-label"]
    assert {c["label-value"] for c in label["colors"]} == {0, 1}
    assert label["colors"][1]["rgba"] == [0xAA, 0x33, 0x00, 255]
    assert [p["name"] for p in label["properties"]] == ["pore", "grain"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 4}, "seed 3, not 4"),
        ({"shape": (200, 150, 261)}, "shape"),
        ({"periodic": ("z",)}, "periodic axes none, not z"),
        ({"chunk": 64}, "chunk 128, not 64"),
        ({"exact": True}, "synthesis band-limited, not exact"),
        ({"backend": "torch", "device": "cpu"}, "backend numpy on cpu, not torch on cpu"),
    ],
)
def test_resume_refuses_another_request(
    volume: Path, model: ExcursionModel, change: dict[str, Any], words: str
) -> None:
    if change.get("backend") == "torch":
        pytest.importorskip("torch")
    shard_file(volume, (0, 1, 2)).unlink()
    before = {f: f.stat().st_mtime_ns for f in volume.rglob("*")}
    with pytest.raises(StoreError, match=words):
        again(model, volume, resume=True, **change)
    assert {f: f.stat().st_mtime_ns for f in volume.rglob("*")} == before


def test_resume_refuses_another_model_or_morphgen(
    volume: Path, model: ExcursionModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = (Phase(0, "void"), model.phases[1])
    with pytest.raises(StoreError, match=r"model \(sha256\)"):
        again(dataclasses.replace(model, phases=phases), volume, resume=True)
    versions = package_versions(Backend()) | {"morphgen": "99.0"}
    module = sys.modules["morphgen.tiles.request"]
    monkeypatch.setattr(module, "package_versions", lambda backend: versions)
    with pytest.raises(StoreError, match=r"morphgen .* not 99\.0"):
        again(model, volume, resume=True)


def test_resume_of_an_absent_store(tmp_path: Path) -> None:
    made = again(build_model(), tmp_path / "deep" / "new.zarr", resume=True, shape=(20, 20, 20))
    assert (made.written, made.blocks) == (1, 1)
    assert open_volume(made.path).complete


@pytest.mark.parametrize("moment", ["folder", "partial file", "group", "array"])
def test_resume_of_a_half_created_store(
    model: ExcursionModel, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "half.zarr"
    path.mkdir()
    if moment == "partial file":
        (path / "zarr.json.123.partial").write_text("{")
    if moment in {"group", "array"}:
        begun = {"morphgen": {"format": "morphgen-volume", "state": "begun"}}
        group = zarr.create_group(str(path), zarr_format=3, attributes=begun)
        if moment == "array":
            group.create_array("0", shape=(3, 3, 3), dtype="int16", chunks=(1, 1, 1))
        assert state_of(path) is State.BEGUN
        with pytest.raises(StoreError, match="holds nothing yet"):
            open_volume(path)
        with pytest.raises(StoreError, match="exists"):
            again(model, path, shape=(20, 20, 20))
    made = again(model, path, shape=(20, 20, 20), resume=True)
    assert made.written == 1
    assert open_volume(path).complete
    assert not list(path.rglob("*.partial"))


def test_resume_of_a_complete_store_writes_nothing(volume: Path, model: ExcursionModel) -> None:
    before = {f: f.stat().st_mtime_ns for f in volume.rglob("*")}
    made = again(model, volume, resume=True)
    assert (made.written, made.voxels, made.blocks) == (0, 0, 12)
    assert {f: f.stat().st_mtime_ns for f in volume.rglob("*")} == before


def spoil(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "absent":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "cut off":
        path.write_bytes(content[: len(content) * 2 // 3])
    elif how == "without its last byte":
        path.write_bytes(content[:-1])
    elif how == "index only":
        path.write_bytes(content[-20:])
    elif how == "zeros":
        path.write_bytes(bytes(len(content)))
    elif how == "longer":
        path.write_bytes(b"x" + content)


@pytest.mark.parametrize(
    "how",
    ["absent", "empty", "cut off", "without its last byte", "index only", "zeros", "longer"],
)
def test_what_is_not_whole_is_found_and_written_again(
    volume: Path, undisturbed: Path, model: ExcursionModel, how: str
) -> None:
    spoil(shard_file(volume, (0, 1, 2)), how)
    (volume / "0" / "c" / "0" / "0" / "1.77.partial").write_bytes(b"left by a kill")
    info = open_volume(volume)
    assert info.missing.tolist() == [info.grid.number((0, 1, 2))]
    assert not info.complete
    assert again(model, volume, resume=True).written == 1
    assert shards(volume) == shards(undisturbed)


def put(path: Path, what: str, elsewhere: Path) -> None:
    """Put something else in place of a file or a folder."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    if what == "folder":
        (path / "deep").mkdir(parents=True)
        (path / "deep" / "file").write_bytes(b"stray")
    elif what == "file":
        path.write_bytes(b"stray")
    else:
        if what == "link to a folder":
            elsewhere.mkdir()
            (elsewhere / "file").write_text("precious")
        path.symlink_to(elsewhere)


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("path", "folder"),
        ("path", "dangling link"),
        ("path", "link to a folder"),
        ("url", "folder"),
        ("url", "dangling link"),
    ],
)
def test_what_lies_in_place_of_a_shard_goes(
    volume: Path, undisturbed: Path, model: ExcursionModel, tmp_path: Path, what: str, kind: str
) -> None:
    location = volume if kind == "path" else f"file://{volume}"
    elsewhere = tmp_path / "elsewhere"
    put(shard_file(volume, (0, 1, 2)), what, elsewhere)
    info = open_volume(location)
    assert info.missing.tolist() == [info.grid.number((0, 1, 2))]
    found = verify(location, 1)
    assert (found.passed, found.missing) == (True, (1,))
    assert again(model, location, resume=True).written == 1
    assert shards(volume) == shards(undisturbed)
    assert not elsewhere.exists() or (elsewhere / "file").read_text() == "precious"


@pytest.mark.parametrize("what", ["file", "dangling link"])
@pytest.mark.parametrize(("folder", "blocks"), [("0/c", 12), ("0/c/1", 6), ("0/c/0/1", 3)])
def test_what_lies_in_place_of_a_folder_of_shards_goes(
    volume: Path,
    undisturbed: Path,
    model: ExcursionModel,
    tmp_path: Path,
    what: str,
    folder: str,
    blocks: int,
) -> None:
    put(volume / folder, what, tmp_path / "elsewhere")
    assert open_volume(volume).missing.size == blocks
    assert again(model, volume, resume=True).written == blocks
    assert shards(volume) == shards(undisturbed)


def test_a_shard_that_vanishes_while_it_is_looked_at_is_missing(
    volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard, read = shard_file(volume, (0, 0, 1)), os.open

    def late(file: Any, *options: Any) -> int:
        shard.unlink(missing_ok=True)
        return read(file, *options)

    monkeypatch.setattr(os, "open", late)
    assert open_volume(volume).missing.tolist() == [1]


def test_a_shard_that_cannot_be_read_is_named(volume: Path) -> None:
    shard = shard_file(volume, (0, 0, 1))
    shard.unlink()
    shard.symlink_to(shard.name)
    with pytest.raises(StoreError, match="cannot be read: Too many levels") as caught:
        _ = open_volume(volume).missing
    assert str(shard) in str(caught.value)


def test_only_blocks_of_the_volume_count(volume: Path) -> None:
    stray = volume / "0" / "c" / "0" / "0"
    (stray / "3").write_bytes(b"beyond the end")
    (stray / "x").write_bytes(b"no number")
    grid = open_volume(volume).grid
    missing = LocalPlace(volume).missing("0", grid, 128)
    assert (missing.size, missing.dtype) == (0, np.int64)
    LocalPlace(volume).clean("0", grid, missing)
    assert (stray / "x").exists()


def test_shards_of_several_chunks_are_checked(model: ExcursionModel, tmp_path: Path) -> None:
    path = tmp_path / "v.zarr"
    again(model, path, shape=(70, 128, 40), chunk=32)
    grid, shard = open_volume(path).grid, shard_file(path, (0, 0, 0))
    assert LocalPlace(path).missing("0", grid, 32).size == 0
    content = bytearray(shard.read_bytes())
    content[-4 - 16 * 64 : -4 - 16 * 63] = b"\xff" * 16  # the first chunk, marked as absent
    content[-4:] = index_checksum(bytes(content[-4 - 16 * 64 : -4]))
    shard.write_bytes(content)
    assert LocalPlace(path).missing("0", grid, 32).tolist() == [0]


def test_a_damaged_index_is_found_at_every_byte(
    volume: Path, undisturbed: Path, model: ExcursionModel
) -> None:
    shard, grid = shard_file(volume, (0, 0, 0)), open_volume(volume).grid
    content = shard.read_bytes()
    for place in range(1, index_length(grid, 128) + 1):
        spoiled = bytearray(content)
        spoiled[-place] ^= 1 << (place % 8)
        shard.write_bytes(spoiled)
        assert LocalPlace(volume).missing("0", grid, 128).tolist() == [0], place
    assert not open_volume(volume).complete
    assert again(model, volume, resume=True).written == 1
    assert shards(volume) == shards(undisturbed)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_index_of_many_chunks_is_not_whole(data: st.DataObject) -> None:
    entries = b"".join(struct.pack("<2Q", 10 * number, 10) for number in range(64))
    grid = BlockGrid((128, 128, 128), 128)
    end = bytearray(entries + index_checksum(entries))
    size = 640 + len(end)
    assert is_whole(bytes(end), size, grid, (0, 0, 0), 32)
    for place in data.draw(st.sets(st.integers(0, len(end) - 1), min_size=1, max_size=3)):
        end[place] ^= data.draw(st.integers(1, 255))
    assert not is_whole(bytes(end), size, grid, (0, 0, 0), 32)


def test_flipped_bits_are_detected_on_reading(volume: Path) -> None:
    shard = shard_file(volume, (0, 0, 0))
    content = shard.read_bytes()
    generator = np.random.default_rng(0)
    for bit in generator.integers(0, 8 * len(content), 20).tolist():
        spoiled = bytearray(content)
        spoiled[bit // 8] ^= 1 << (bit % 8)
        shard.write_bytes(spoiled)
        with pytest.raises(ValueError, match=r"(?i)checksum|crc"):
            open_labels(volume)[:128, :128, :128]


def test_a_damaged_chunk_is_named_with_its_remedy(
    volume: Path, undisturbed: Path, model: ExcursionModel
) -> None:
    part = (slice(0, 10), slice(100, 140), slice(120, None))
    assert np.array_equal(open_volume(volume).read(part), open_labels(undisturbed)[part])
    shard = shard_file(volume, (0, 1, 1))
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    info = open_volume(volume)
    assert info.read((slice(150, None), slice(0, 9), slice(0, 9))).shape == (50, 9, 9)
    with pytest.raises(StoreError, match="delete that file") as caught:
        info.read(part)
    assert f"{shard} cannot be read" in str(caught.value)
    shard.unlink()
    assert again(model, volume, resume=True).written == 1
    assert shards(volume) == shards(undisturbed)


OTHERWISE = {
    "of another shape": ("260", "261"),
    # unwritten blocks would read as label 0
    "of another fill value": ('"fill_value": 255', '"fill_value": 0'),
    "of another compressor": ('"level": 1', '"level": 3'),
    "without checksums": ('"crc32c"', '"bytes"'),
}


@pytest.mark.parametrize("how", ["absent", "empty", "cut off", "zeros", *OTHERWISE])
def test_a_store_without_its_array_metadata_is_not_complete(
    volume: Path, undisturbed: Path, model: ExcursionModel, how: str
) -> None:
    metadata = volume / "0" / "zarr.json"
    if how in OTHERWISE:
        before, after = OTHERWISE[how]
        assert before in metadata.read_text()
        metadata.write_text(metadata.read_text().replace(before, after))
    else:
        spoil(metadata, how)
    assert not open_volume(volume).complete
    assert again(model, volume, resume=True).written == 0
    assert open_volume(volume).complete
    assert metadata.read_bytes() == (undisturbed / "0" / "zarr.json").read_bytes()
    assert shards(volume) == shards(undisturbed)


def test_nothing_is_overwritten_unasked(volume: Path, model: ExcursionModel) -> None:
    with pytest.raises(StoreError, match="resume it, overwrite it"):
        again(model, volume)
    with pytest.raises(InputError, match="contradict"):
        again(model, volume, resume=True, overwrite=True)


def test_overwrite_replaces_a_volume_and_nothing_else(volume: Path, model: ExcursionModel) -> None:
    (volume / "notes.txt").write_text("mine")
    made = again(model, volume, seed=9, shape=(30, 20, 10), overwrite=True)
    info = open_volume(volume)
    assert (made.written, info.seed, info.shape, info.complete) == (1, 9, (30, 20, 10), True)
    assert len(shards(volume)) == 1
    assert (volume / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("content", ["file", "folder", "other zarr", "broken json"])
def test_what_is_no_volume_is_never_touched(
    tmp_path: Path, model: ExcursionModel, content: str
) -> None:
    path = tmp_path / "precious"
    if content == "file":
        path.write_text("precious")
    else:
        path.mkdir()
        (path / "data.csv").write_text("precious")
    if content == "other zarr":
        zarr.create_group(str(path), zarr_format=3, attributes={"ome": {"version": "0.5"}})
    if content == "broken json":
        (path / "zarr.json").write_text("{")
    before = {f: f.stat().st_mtime_ns for f in [path, *path.rglob("*")]}
    for option in ({}, {"resume": True}, {"overwrite": True}):
        with pytest.raises(StoreError, match=r"no morphgen volume|is damaged \("):
            again(model, path, **option)
    assert {f: f.stat().st_mtime_ns for f in [path, *path.rglob("*")]} == before


@pytest.mark.parametrize("how", ["empty", "cut off", "zeros"])
def test_a_damaged_group_is_told_with_its_remedy(
    volume: Path, model: ExcursionModel, how: str
) -> None:
    spoil(volume / "zarr.json", how)
    for ask in (open_volume, lambda path: again(model, path, overwrite=True)):
        with pytest.raises(StoreError, match=rf"delete {volume} and generate it anew") as caught:
            ask(volume)
        assert "\n" not in str(caught.value)
    (volume / "zarr.json").unlink()
    (volume / "zarr.json").mkdir()
    with pytest.raises(StoreError, match=r"cannot be read: Is a directory; mend that, or"):
        open_volume(volume)


def test_an_empty_folder_is_taken(tmp_path: Path, model: ExcursionModel) -> None:
    assert again(model, tmp_path, shape=(9, 9, 9), overwrite=True).written == 1


def test_places_that_cannot_be_written(tmp_path: Path, model: ExcursionModel) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        again(model, tmp_path / "file" / "v.zarr")
    with pytest.raises(StoreError, match="is no volume"):
        open_volume(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": 3}, "newer morphgen"),
        ({"seed": -1}, "damaged"),
        ({"shape": [1, 2]}, "damaged"),
        ({"model": {"format": "morphgen-model", "schema_version": 1}}, "damaged"),
        ({"backend": None}, "damaged"),
        ({"block_edge": 64}, "blocks of 64"),
        ({"synthesis": {"exact": True}}, "damaged"),
        (
            {
                "synthesis": {
                    "version": 2,
                    "exact": False,
                    "lattices": [{"factors": [2, 2, 2], "taps": [4, 4, 4]}],
                }
            },
            "other lattices",
        ),
    ],
)
def test_damaged_descriptions_are_refused(volume: Path, change: dict[str, Any], words: str) -> None:
    group = zarr.open_group(str(volume), mode="r+")
    own = dict(group.attrs["morphgen"])
    group.attrs["morphgen"] = own | change
    with pytest.raises(StoreError, match=words):
        open_volume(volume)


def test_description_survives_json(model: ExcursionModel, tmp_path: Path) -> None:
    record = VolumeRecord(model, 2**64 - 1, SHAPE, ("x", "z"), 32, Backend(), {"numpy": "2"})
    found = parse_attributes(json.loads(json.dumps(record.attributes())))
    assert found == record
    assert found.versions == record.versions
    assert found.periodic == ("z", "x")
    assert found.identity() == record.identity()
    create(tmp_path / "v.zarr", record)
    assert open_volume(tmp_path / "v.zarr").record == record


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**64}, "2\\*\\*64 - 1"),
        ({"seed": "7"}, "expected an integer"),
        ({"periodic": ("z", "w")}, "'w'"),
        ({"chunk": 48}, "divisor of the block edge 128"),
        ({"chunk": 256}, "divisor"),
        ({"shape": (128, 128)}, "shape"),
        ({"shape": (20, 128, 128), "periodic": ("z",)}, "period of 20"),
    ],
)
def test_bad_requests_leave_no_trace(
    tmp_path: Path, model: ExcursionModel, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        again(model, tmp_path / "v.zarr", **change)
    assert not list(tmp_path.iterdir())


def test_default_chunks_divide_the_block() -> None:
    assert [inner_chunk(edge) for edge in (64, 128, 192, 256)] == [64, 128, 96, 128]
