"""``morphgen generate``: from a model to a volume."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .codes import RESUMABLE
from .inputs import edge_of_voxels
from .options import (
    PATIENCE,
    Debug,
    Json,
    ModelFile,
    Overwrite,
    Patience,
    Quiet,
    Scheduler,
    SchedulerFile,
    Workers,
)
from .screen import Screen, trouble

if TYPE_CHECKING:
    from morphgen.excursion import ExcursionModel, Profile
    from morphgen.tiles import Generated, Plan


Store = Annotated[
    str,
    typer.Argument(
        metavar="OUT.zarr",
        show_default=False,
        help="Zarr store to write: a folder, or a URL such as s3://bucket/volume.zarr.",
    ),
]
Shape = Annotated[
    tuple[int, int, int],
    typer.Option("--shape", metavar="Z Y X", show_default=False, help="Voxels along z, y, x."),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the noise.")]
Periodic = Annotated[
    str | None,
    typer.Option(
        "--periodic",
        metavar="z,y,x",
        show_default=False,
        help="Axes along which opposite faces fit together.",
    ),
]
BackendName = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="auto|numpy|torch|cupy",
        help="Array library; auto takes CuPy or torch only where CUDA works.",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="cpu|cuda|cuda:N",
        show_default=False,
        help="Device.  [default: CUDA where the backend finds it]",
    ),
]
Chunk = Annotated[
    int | None,
    typer.Option(
        "--chunk",
        metavar="N",
        show_default=False,
        help="Edge of the store's inner chunks, a divisor of the block edge.",
    ),
]
Levels = Annotated[
    str | None,
    typer.Option(
        "--levels",
        metavar="N|auto",
        show_default=False,
        help="Coarser levels beside the volume, each of half the resolution; auto ends with one "
        "block.  [default: none, or those of the store that is continued]",
    ),
]
Downsample = Annotated[
    str | None,
    typer.Option(
        "--downsample",
        metavar="majority|nearest",
        show_default=False,
        help="How levels are made.  [default: majority]",
    ),
]
Exact = Annotated[
    bool,
    typer.Option(
        "--exact",
        help="Synthesise every field voxel by voxel: slower, without the error of up to 0.002 in "
        "correlations.",
    ),
]
ProfileFile = Annotated[
    Path | None,
    typer.Option(
        "--profile",
        metavar="FILE.toml",
        show_default=False,
        help="Volume fractions that vary along an axis, instead of the model's.",
    ),
]
VoxelSize = Annotated[
    str | None,
    typer.Option(
        "--voxel-size",
        metavar="LENGTH",
        show_default=False,
        help="Edge of the voxels, such as 0.03um.  [default: that of the model's sections]",
    ),
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Begin even if the volume will probably not fit on the disk.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue what is there: nothing, a part, or all of it.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what the volume will cost, and write nothing.")
]


@dataclass(frozen=True)
class Request:
    """What is asked of `generate`."""

    model: Path
    out: str
    shape: tuple[int, int, int]
    seed: int = 0
    periodic: str | None = None
    backend: str = "auto"
    device: str | None = None
    workers: int | None = None
    scheduler: str | None = None
    scheduler_file: Path | None = None
    patience: float = PATIENCE
    chunk: int | None = None
    resume: bool = False
    overwrite: bool = False
    levels: int | str | None = None
    downsample: str | None = None
    exact: bool = False
    allow_full_disk: bool = False
    profile: Path | None = None
    voxel_size: str | None = None

    def wanted(self, screen: Screen) -> tuple[ExcursionModel, dict[str, Any]]:
        """Model, and keyword arguments of `morphgen.generate` and `morphgen.plan`."""
        from morphgen.excursion import load_model, load_profile, resolution_notes

        model = load_model(self.model)
        if self.voxel_size is not None:
            size = edge_of_voxels(self.voxel_size, model.unit)
            notes = resolution_notes(model, size)
            if notes:
                screen.note(f"warning: {'; '.join(notes)}")
            model = model.at_voxel_size(size)
        names = (f.name for f in fields(self) if f.name not in {"model", "out", "voxel_size"})
        axes = tuple(self.periodic.split(",")) if self.periodic else ()
        profile = None if self.profile is None else load_profile(self.profile, model)
        if profile is not None and not profile.relative:
            self._warn_of_short_volume(screen, profile, model)
        options = {name: getattr(self, name) for name in names}
        return model, options | {"periodic": axes, "profile": profile}

    def _warn_of_short_volume(
        self, screen: Screen, profile: Profile, model: ExcursionModel
    ) -> None:
        """Tell where a volume shows a part of its profile alone, or nothing of it."""
        axis = "zyx".index(profile.axis)
        length = self.shape[axis] * model.voxel_size[axis]
        if profile.positions[-1] <= 0.0:
            screen.note(
                f"warning: the profile ends at {profile.positions[-1]:g} {model.unit} along "
                f"{profile.axis}, the volume begins at 0 and has the same fractions everywhere"
            )
        if length < profile.positions[-1] * (1.0 - 1e-6):
            screen.note(
                f"warning: the profile goes on to {profile.positions[-1]:g} {model.unit} along "
                f'{profile.axis}, the volume ends at {length:g}; unit = "share" fits any length'
            )

    def command(self, last: str) -> str:
        """Command line that asks for the same, ending in another option."""
        words = ["morphgen", "generate", str(self.model), self.out, "--shape"]
        words += [*map(str, self.shape), "--seed", str(self.seed)]
        where = ("backend", "device", "workers", "scheduler", "scheduler_file", "patience")
        defaults = {"backend": "auto", "patience": PATIENCE}
        for name in ("periodic", *where, "chunk", "levels", "downsample", "profile", "voxel_size"):
            value = getattr(self, name)
            # of levels, auto is a wish; of a backend, the default
            if value not in (None, defaults.get(name)):
                words += [f"--{name.replace('_', '-')}", str(value)]
        if self.exact:
            words.append("--exact")
        if self.allow_full_disk:
            words.append("--yes")
        return shlex.join([*words, last])


def generate(
    model: ModelFile,
    out: Store,
    shape: Shape,
    seed: Seed = 0,
    periodic: Periodic = None,
    backend: BackendName = "auto",
    device: Device = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
    patience: Patience = PATIENCE,
    chunk: Chunk = None,
    levels: Levels = None,
    downsample: Downsample = None,
    exact: Exact = False,
    profile: ProfileFile = None,
    voxel_size: VoxelSize = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Generate a volume from a model, block by block, into a Zarr store."""
    screen = Screen(as_json, quiet)
    request = Request(
        model, out, shape, seed, periodic, backend, device, workers, scheduler, scheduler_file,
        patience, chunk, resume, overwrite, number_or_word(levels), downsample, exact, yes,
        profile, voxel_size,
    )  # fmt: skip
    if dry_run:
        _show_plan(screen, request)
        return
    begun: list[str] = []
    try:
        with terminated_as_interrupted():
            done = _run(screen, request, begun)
    except KeyboardInterrupt as error:
        # before the first block, what is to be overwritten may still be there
        again = request.command("--overwrite" if overwrite and not begun else "--resume")
        trouble(f"interrupted; continue with\n{again}")
        raise typer.Exit(RESUMABLE) from error
    tell(screen, done)


def number_or_word(text: str | None) -> int | str | None:
    """Number where the text is one."""
    return int(text) if text is not None and text.isascii() and text.isdecimal() else text


def _run(screen: Screen, request: Request, begun: list[str]) -> Generated:
    from morphgen.tiles import generate as run

    model, options = request.wanted(screen)

    def told(plan: Plan) -> None:
        screen.note(plan.summary())
        if plan.backend.reason is not None:
            screen.note(plan.backend.reason)

    with screen.progress() as progress:

        def follow(stage: str, count: int, total: int) -> None:
            begun.append(stage)
            del begun[1:]
            progress(stage, count, total)

        return run(
            model,
            request.out,
            **options,
            progress=follow,
            started=told,
        )


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Take SIGTERM, what batch systems send, as Ctrl-C."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def tell(screen: Screen, done: Generated) -> None:
    """Print what was written, and how to open it."""
    per_voxel = 1e9 * done.seconds / done.voxels if done.voxels else None
    if per_voxel is not None:
        screen.line(
            f"{done.location}: {done.voxels:,} voxels in {done.seconds:.3g} s, "
            f"{per_voxel:.4g} ns per voxel, {_count(done.workers, 'worker')}, "
            f"{done.backend.name} on {done.backend.device}"
        )
    elif done.coarse_written:
        screen.line(f"{done.location}: {_count(done.coarse_written, 'block')} of coarser levels")
    else:
        screen.line(f"{done.location} was complete: {_count(done.blocks, 'block')}, nothing to do")
    screen.line(f'open it with zarr.open_array("{done.location}/0", mode="r")')
    screen.result(
        {
            "path": done.location,
            "array": f"{done.location}/0",
            "shape": list(done.shape),
            "blocks": done.blocks,
            "blocks_written": done.written,
            "voxels_written": done.voxels,
            "levels": done.levels,
            "level_blocks_written": done.coarse_written,
            "seconds": done.seconds,
            "nanoseconds_per_voxel": per_voxel,
            "workers": done.workers,
            "backend": done.backend.name,
            "device": done.backend.device,
        }
    )


def _show_plan(screen: Screen, request: Request) -> None:
    from morphgen.tiles import plan

    model, options = request.wanted(screen)
    found = plan(model, path=request.out, **options)
    for line in found.lines():
        screen.line(line)
    screen.result(asdict(found))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")
