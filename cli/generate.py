"""``morphgen generate``: from a model to a volume."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from morphgen.errors import InputError, StoreError

from .options import Debug, Json, ModelFile, Overwrite, Quiet
from .screen import Screen, trouble

if TYPE_CHECKING:
    from morphgen.excursion import ExcursionModel
    from morphgen.tiles import Generated, Plan

INTERRUPTED = 75

Store = Annotated[
    Path, typer.Argument(metavar="OUT.zarr", show_default=False, help="Zarr store to write.")
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
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        show_default=False,
        help="Processes.  [default: one for each CPU, as far as memory goes]",
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
    out: Path
    shape: tuple[int, int, int]
    seed: int = 0
    periodic: str | None = None
    backend: str = "auto"
    device: str | None = None
    workers: int | None = None
    chunk: int | None = None
    resume: bool = False
    overwrite: bool = False

    @property
    def axes(self) -> tuple[str, ...]:
        """Periodic axes."""
        return tuple(self.periodic.split(",")) if self.periodic else ()

    def command(self, last: str) -> str:
        """Command line that asks for the same, ending in another option."""
        words = ["morphgen", "generate", str(self.model), str(self.out), "--shape"]
        words += [*map(str, self.shape), "--seed", str(self.seed)]
        for name in ("periodic", "backend", "device", "workers", "chunk"):
            value = getattr(self, name)
            if value not in (None, "auto"):
                words += [f"--{name}", str(value)]
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
    chunk: Chunk = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Generate a volume from a model, block by block, into a Zarr store."""
    screen = Screen(as_json, quiet)
    request = Request(
        model, out, shape, seed, periodic, backend, device, workers, chunk, resume, overwrite
    )
    begun: list[str] = []
    try:
        from morphgen.excursion import load_model

        found = load_model(model)
        if dry_run:
            _show_plan(screen, found, request)
            return
        if resume and overwrite:
            raise InputError("--resume and --overwrite contradict each other; give one of them")
        screen.note(_first_line(requirements_of(found, request)))
        done = _run(screen, found, request, begun)
    except KeyboardInterrupt as error:
        # before the first block, what is to be overwritten may still be there
        again = request.command("--overwrite" if overwrite and not begun else "--resume")
        trouble(f"interrupted; continue with\n{again}")
        raise typer.Exit(INTERRUPTED) from error
    tell(screen, done)


def _run(screen: Screen, model: ExcursionModel, request: Request, begun: list[str]) -> Generated:
    from morphgen.tiles import generate as run

    with screen.progress() as progress:

        def follow(stage: str, count: int, total: int) -> None:
            begun.append(stage)
            del begun[1:]
            progress(stage, count, total)

        return run(
            model,
            request.out,
            shape=request.shape,
            seed=request.seed,
            periodic=request.axes,
            backend=request.backend,
            device=request.device,
            workers=request.workers,
            chunk=request.chunk,
            resume=request.resume,
            overwrite=request.overwrite,
            progress=follow,
        )


def requirements_of(model: ExcursionModel, request: Request) -> Plan:
    """Cost of what is left to do, without the second that an estimate of the time takes.

    Raises
    ------
    InputError
        The request is invalid, or does not fit into memory or onto the disk.
    """
    from morphgen.tiles import BlockGrid, open_volume, resolve
    from morphgen.tiles.grid import volume_shape
    from morphgen.tiles.plan import requirements

    remaining, backend = None, resolve(request.backend, request.device)
    if request.resume:
        try:
            existing = open_volume(request.out)
            remaining = len(existing.missing)
            backend = existing.backend if request.backend == "auto" else backend
        except StoreError:
            # nothing is there yet, or `generate` says what is wrong with it
            pass
    grid = BlockGrid(volume_shape(request.shape), model.block_edge)
    return requirements(
        model,
        grid,
        request.out,
        backend,
        chunk=request.chunk,
        workers=request.workers,
        remaining=remaining,
    )


def tell(screen: Screen, done: Generated) -> None:
    """Print what was written, and how to open it."""
    per_voxel = 1e9 * done.seconds / done.voxels if done.voxels else None
    if per_voxel is None:
        screen.line(f"{done.path} was complete: {_count(done.blocks, 'block')}, nothing to do")
    else:
        screen.line(
            f"{done.path}: {done.voxels:,} voxels in {done.seconds:.3g} s, "
            f"{per_voxel:.4g} ns per voxel, {_count(done.workers, 'worker')}, "
            f"{done.backend.name} on {done.backend.device}"
        )
    screen.line(f'open it with zarr.open_array("{done.path}/0", mode="r")')
    screen.result(
        {
            "path": done.path,
            "array": f"{done.path}/0",
            "shape": list(done.shape),
            "blocks": done.blocks,
            "blocks_written": done.written,
            "voxels_written": done.voxels,
            "seconds": done.seconds,
            "nanoseconds_per_voxel": per_voxel,
            "workers": done.workers,
            "backend": done.backend.name,
            "device": done.backend.device,
        }
    )


def _show_plan(screen: Screen, model: ExcursionModel, request: Request) -> None:
    from morphgen.tiles import plan

    found = plan(
        model,
        request.shape,
        path=request.out,
        chunk=request.chunk,
        workers=request.workers,
        backend=request.backend,
        device=request.device,
    )
    for line in found.lines():
        screen.line(line)
    screen.result(asdict(found))


def _first_line(found: Plan) -> str:
    z, y, x = found.shape
    done = found.blocks - found.remaining
    written = f", {done} of them written" if done else ""
    return (
        f"{z} x {y} x {x} voxels: "
        f"{_count(found.blocks, 'block')} of {found.block_edge}^3{written}; "
        f"{_count(found.workers, 'worker')}, {found.backend.name} on "
        f"{found.backend.device}, up to {found.worker_memory / 2**30:.2g} GiB of memory each; "
        f"about {found.disk_expected / 2**20:.3g} MiB on disk"
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")
