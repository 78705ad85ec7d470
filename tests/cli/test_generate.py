"""morphgen generate, and info on what it wrote."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from morphgen.tiles import open_volume

# a command in the background of a shell inherits a SIGINT that is ignored
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from morphgen.cli.app import main; main()"
)
SHAPE = ("--shape", "64", "48", "40")

Call = Callable[..., Any]


@pytest.fixture
def model(files: Path) -> Path:
    return files / "truth.json"


def test_round_trip(model: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "volume.zarr"
    request = ("generate", model, out, *SHAPE, "--seed", 3, "--workers", 1)
    shown = call(*request)
    assert shown.code == 0, shown.err
    assert shown.err.startswith("64 x 48 x 40 voxels: 1 block of ")
    first, last = shown.out.splitlines()
    assert first.startswith(f"{out}: 122,880 voxels in ")
    assert "ns per voxel" in first
    assert last == f'open it with zarr.open_array("{out}/0", mode="r")'

    told = call("info", out)
    assert told.code == 0
    for words in ("64 x 48 x 40 voxels", "64 x 48 x 40 µm", "complete", "numpy on cpu"):
        assert words in told.out

    again = call(*request, "--resume", "--json")
    assert again.code == 0
    assert again.json["voxels_written"] == 0
    assert again.json["nanoseconds_per_voxel"] is None
    assert "1 of them written" in again.err
    assert "was complete" in call(*request, "--resume").out


def test_json(model: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "volume.zarr"
    request = ("generate", model, out, *SHAPE, "--workers", 1, "--periodic", "z,x")
    shown = call(*request, "--json", "--quiet")
    assert (shown.code, shown.err) == (0, "")
    assert shown.json["array"] == f"{out}/0"
    assert shown.json["shape"] == [64, 48, 40]
    assert shown.json["nanoseconds_per_voxel"] > 0.0
    held = call("info", out, "--json").json
    assert held["kind"] == "volume"
    assert held["periodic"] == ["z", "x"]
    assert held["complete"]
    assert [one["name"] for one in held["phases"]] == ["pore", "grain", "binder"]


def test_dry_run(model: Path, tmp_path: Path, call: Call) -> None:
    request = ("generate", model, tmp_path / "volume.zarr", "--shape", 512, 512, 512, "--dry-run")
    shown = call(*request)
    assert shown.code == 0
    assert "512 x 512 x 512 voxels" in shown.out
    assert "memory" in shown.out
    assert call(*request, "--json").json["shape"] == [512, 512, 512]
    assert not list(tmp_path.iterdir())


def test_wrong_requests(model: Path, volume: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "volume.zarr"
    ask = ("generate", model, out, *SHAPE)
    call("generate", tmp_path / "missing.json", out, *SHAPE).refused("missing.json")
    call("generate", volume / "zarr.json", out, *SHAPE).refused("not a model file")
    call("generate", model, out, "--shape", 0, 1, 1).refused("0")
    call("generate", model, out, "--shape", *[10**6] * 3).refused("disk")
    call(*ask, "--backend", "abacus").refused("abacus")
    call(*ask, "--chunk", 7).refused("chunk 7")
    call(*ask, "--workers", 0).refused("workers")
    call(*ask, "--resume", "--overwrite").refused("contradict")
    assert not out.exists()


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_what_is_refused_before_the_plan_is_shown(
    model: Path, files: Path, volume: Path, tmp_path: Path, call: Call, dry: list[str]
) -> None:
    out = tmp_path / "volume.zarr"
    refusals = [
        (out, ["--periodic", "w"], "'w'"),
        (out, ["--seed", "-1"], "seed -1"),
        (out, ["--resume", "--overwrite"], "contradict"),
        (model, [], "no morphgen volume"),
        (volume, [], "exists"),
        (volume, ["--resume", "--seed", "9"], "seed 0, not 9"),
        (volume, ["--resume", "--shape", "64", "48", "41"], "shape"),
    ]
    for path, options, words in refusals:
        call("generate", model, path, *SHAPE, *options, *dry).refused(words)
    other = files / "wrong.json"
    call("generate", other, volume, *SHAPE, "--resume", *dry).refused("model (sha256)")
    assert not out.exists()


def test_dry_run_says_what_remains(model: Path, volume: Path, call: Call) -> None:
    shown = call("generate", model, volume, *SHAPE, "--resume", "--dry-run")
    assert shown.code == 0
    assert "1 are written, 0 remain" in shown.out


def test_levels(model: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "volume.zarr"
    request = ("generate", model, out, *SHAPE, "--workers", 1)
    assert call(*request, "--json").json["levels"] == 0
    added = call(*request, "--levels", 2, "--resume")
    assert added.code == 0, added.err
    assert "2 coarser levels" in added.err
    assert added.out.startswith(f"{out}: 2 blocks of coarser levels")
    held = call("info", out, "--json").json
    assert [one["shape"] for one in held["levels"]] == [[64, 48, 40], [32, 24, 20], [16, 12, 10]]
    assert held["complete"]
    assert held["downsample"] == "majority"
    assert {"created", "platform", "cpu"} == set(held["origin"])
    assert "2 coarser, by majority" in call("info", out).out
    (out / "1" / "c" / "0" / "0" / "0").unlink()
    assert "1 blocks of coarser levels are missing" in call("info", out).out
    call(*request, "--downsample", "nearest", "--resume").refused("downsampling majority")
    call(*request, "--levels", "some", "--resume").refused("levels 'some'")
    call(*request, "--levels", 99, "--overwrite").refused("levels 99")
    again = call(*request, "--resume", "--json").json
    assert (again["voxels_written"], again["level_blocks_written"]) == (0, 1)


def test_a_url(model: Path, tmp_path: Path, call: Call) -> None:
    url = f"file://{tmp_path}/volume.zarr"
    made = call("generate", model, url, *SHAPE, "--workers", 1)
    assert made.code == 0, made.err
    assert made.out.startswith(f"{url}: 122,880 voxels")
    assert call("info", url, "--json").json["complete"]
    assert open_volume(tmp_path / "volume.zarr").complete
    call("generate", model, "s3://me:hunter2@bucket/v.zarr", *SHAPE).refused("password")
    call("info", "nothing://bucket").refused("nothing://")


def test_a_full_disk_is_begun_with_yes_only(
    model: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["morphgen.tiles.plan"], "free_space", lambda path: 100)
    request = ("generate", model, tmp_path / "volume.zarr", *SHAPE, "--workers", 1)
    call(*request).refused("the disk has 100 B free", "--yes")
    call(*request, "--dry-run").refused("--yes")
    assert not list(tmp_path.iterdir())
    assert "100 B free" in call(*request, "--dry-run", "--yes").out
    assert call(*request, "--yes").code == 0


def test_interrupt_of_a_dry_run(
    model: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("morphgen.tiles.plan", interrupted)
    shown = call("generate", model, tmp_path / "v.zarr", *SHAPE, "--dry-run")
    assert (shown.code, shown.out, shown.err) == (130, "", "interrupted\n")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupt(model: Path, tmp_path: Path, sent: signal.Signals) -> None:
    out = tmp_path / "a volume.zarr"
    asked = ["generate", model, out, "--shape", 384, 512, 640, "--workers", 1, "--seed", 5]
    with subprocess.Popen(
        [sys.executable, "-c", START, *map(str, asked)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            deadline = time.monotonic() + 100.0
            while not list(out.glob("0/c/*/*/*")) and time.monotonic() < deadline:
                assert process.poll() is None, process.communicate()
                time.sleep(0.02)
            process.send_signal(sent)
            printed, told = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 75, told
    assert printed == ""
    assert "Traceback" not in told
    told_first, command = told.strip().splitlines()[-2:]
    assert told_first == "interrupted; continue with"
    assert command.endswith(" --resume")
    assert not open_volume(out).complete

    words = shlex.split(command)
    assert words[0] == "morphgen"
    if sent is signal.SIGINT:
        command_line = [sys.executable, "-c", START, *words[1:], "--quiet"]
        subprocess.run(command_line, check=True, timeout=120)
        assert open_volume(out).complete


def test_interrupt_before_anything_was_replaced(
    model: Path, volume: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("morphgen.tiles.generate", interrupted)
    shown = call(
        *("generate", model, volume, *SHAPE, "--seed", 4, "--overwrite"),
        *("--periodic", "z,y", "--chunk", 64, "--levels", "auto", "--yes"),
    )
    assert shown.code == 75
    command = shown.err.strip().splitlines()[-1]
    assert command.endswith("--seed 4 --periodic z,y --chunk 64 --levels auto --yes --overwrite")


def test_overwriting(model: Path, volume: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "volume.zarr"
    shutil.copytree(volume, out)
    before = np.asarray(open_volume(out).labels())
    shown = call(
        *("generate", model, out, *SHAPE, "--seed", 8, "--workers", 1, "--overwrite", "--quiet")
    )
    assert (shown.code, shown.out, shown.err) == (0, "", "")
    assert not np.array_equal(before, np.asarray(open_volume(out).labels()))


PROFILE = 'axis = "z"\npositions = [0, 1]\nunit = "share"\n[fractions]\npore = [0.6, 0.2]\n'


def test_a_profile(model: Path, tmp_path: Path, call: Call) -> None:
    file, out = tmp_path / "profile.toml", tmp_path / "volume.zarr"
    file.write_text(PROFILE)
    request = ("generate", model, out, *SHAPE, "--workers", 1, "--profile", file)
    assert call(*request, "--dry-run").code == 0
    assert call(*request).code == 0
    pores = np.mean(open_volume(out).labels()[:] == 0, axis=(1, 2))
    assert pores[:10].mean() > 0.45
    assert pores[-10:].mean() < 0.35
    told = call("info", out, "--verify", "all")
    assert told.code == 0
    assert "along z, linear, at 0, 64 µm: pore 0.6, 0.2" in told.out
    assert call("info", out, "--json").json["profile"]["fractions"] == {"0": [0.6, 0.2]}
    assert call(*request, "--resume").code == 0
    call(*request[:-2], "--resume").refused("profile (sha256)")
    file.write_text(PROFILE.replace("pore", "void"))
    call(*request, "--overwrite").refused(str(file), "'void'")
    call(*request[:-2], "--profile", tmp_path / "no.toml").refused("no.toml")


@pytest.mark.parametrize(("end", "told"), [(64, False), (80, True)])
def test_a_volume_that_ends_before_its_profile(
    end: int, told: bool, model: Path, tmp_path: Path, call: Call
) -> None:
    file = tmp_path / "profile.toml"
    file.write_text(PROFILE.replace("share", "um").replace("[0, 1]", f"[0, {end}]"))
    shown = call("generate", model, tmp_path / "v.zarr", *SHAPE, "--dry-run", "--profile", file)
    assert shown.code == 0
    warned = "goes on to 80 um along z, the volume ends at 64" in shown.err
    assert warned == told


def test_a_profile_that_ends_before_the_volume(model: Path, tmp_path: Path, call: Call) -> None:
    file = tmp_path / "profile.toml"
    file.write_text(PROFILE.replace("share", "um").replace("[0, 1]", "[-5, -1]"))
    shown = call("generate", model, tmp_path / "v.zarr", *SHAPE, "--dry-run", "--profile", file)
    assert shown.code == 0
    assert "ends at -1 um along z, the volume begins at 0" in shown.err


def test_another_voxel_size(model: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "volume.zarr"
    request = ("generate", model, out, *SHAPE, "--workers", 1, "--voxel-size", "500nm")
    shown = call(*request)
    assert shown.code == 0
    assert shown.err.splitlines()[0].startswith("warning: voxels finer than those of the sections")
    assert open_volume(out).voxel_size == (0.5, 0.5, 0.5)
    assert "0.5 µm" in call("info", out).out
    assert call("info", out, "--json").json["voxel_size"] == [0.5, 0.5, 0.5]
    assert call(*request, "--resume", "--quiet").err == ""
    call(*request[:-2], "--resume").refused("model (sha256)")
    for text, words in [("2", "no unit"), ("0um", "0um"), ("9999um", "too coarse"), ("1pm", "pm")]:
        call(*request[:-1], text, "--overwrite").refused(words)


def test_the_command_that_continues_names_profile_and_voxel_size(model: Path) -> None:
    from morphgen.cli.generate import Request

    request = Request(model, "out.zarr", (64, 48, 40), profile=Path("p.toml"), voxel_size="0.5um")
    words = shlex.split(request.command("--resume"))
    assert words[words.index("--profile") + 1] == "p.toml"
    assert words[words.index("--voxel-size") + 1] == "0.5um"
