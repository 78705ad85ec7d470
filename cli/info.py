"""``morphgen info``: what a model or a volume holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morphgen.errors import InputError

from .codes import FAILED
from .options import Debug, Json, Quiet
from .precision import Edges, Precision
from .screen import Screen, figure, trouble, within

if TYPE_CHECKING:
    from morphgen.excursion import ExcursionModel, Profile, Reduction
    from morphgen.tiles import Verification, VolumeInfo


Verify = Annotated[
    str | None,
    typer.Option(
        "--verify",
        metavar="N|all",
        show_default=False,
        help="Compute N random blocks of every level again, or all, and compare.",
    ),
]
System = Annotated[
    bool,
    typer.Option(
        "--system",
        help="Say what this machine offers: memory, array libraries, GPUs, and what --backend auto "
        "takes of them.",
    ),
]
VerifySeed = Annotated[
    int | None,
    typer.Option(
        "--seed", metavar="N", show_default=False, help="Seed of the draw of blocks to verify."
    ),
]


def info(
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL_OR_VOLUME",
            show_default=False,
            help="Model file, or Zarr store: a folder or a URL.",
        ),
    ] = None,
    system: System = False,
    verify: Verify = None,
    seed: VerifySeed = None,
    edge: Edges = None,
    precision: Precision = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say what a model or a volume holds, and how large a volume of a model must be.

    Blocks of a volume are computed again to verify it. With --system, say what this machine offers.
    """
    screen = Screen(as_json, quiet)
    if path is None or system:
        _of_the_system(screen, path, system, (verify, seed, edge, precision))
        return
    file = Path(path)
    if "://" in path or file.is_dir():
        from morphgen.tiles import open_volume

        if edge is not None or precision is not None:
            raise InputError(f"{path} is a volume; --edge and --precision ask of a model")
        if file.is_dir() and not (file / "zarr.json").is_file():
            raise InputError(f"{path} holds no volume; give a model file or a Zarr store")
        _volume(screen, open_volume(path), verify, seed)
        return
    from morphgen.excursion import load_model

    from .precision import precision_record

    model = load_model(file)
    if verify is not None:
        raise InputError(f"{path} is a model; only volumes are verified")
    _model(screen, file, model, precision_record(model, edge, precision))


def _of_the_system(
    screen: Screen, path: str | None, system: bool, others: Sequence[object]
) -> None:
    from .system import show_system

    if not system:
        raise InputError(
            "info needs MODEL_OR_VOLUME, a model file or a Zarr store, or --system; see "
            "`morphgen info --help`"
        )
    if path is not None or any(one is not None for one in others):
        raise InputError("--system asks of this machine; give no model, no volume, and no option")
    show_system(screen)


def _model(screen: Screen, path: Path, model: ExcursionModel, precision: dict[str, Any]) -> None:
    from morphgen.validation.words import lengths_in, unit_word

    from .model_tables import show_candidates, show_loss, show_parameters
    from .precision import show_precision

    found = model_record(model)
    screen.line(f"{path}: model of {len(model.phases)} phases")
    size = " x ".join(f"{size:g}" for size in dict.fromkeys(model.voxel_size))
    unit = "voxel" if size == "1" and model.unit == "voxel" else lengths_in(model.unit)
    screen.line(f"voxel size {size} {unit}; blocks of {model.block_edge}^3 voxels")
    screen.table(
        ("label", "phase", "volume fraction", f"surface area (1/{unit_word(model.unit)})"),
        [
            (
                str(one["label"]),
                one["name"],
                within(one["volume_fraction"], one["interval"], one["standard_error"]),
                figure(one["specific_surface_area"]),
            )
            for one in found["phases"]
        ],
        right=(0,),
    )
    _show_decisions(screen, model, found)
    show_parameters(screen, model)
    show_precision(screen, model, precision)
    for line in _origin_lines(model):
        screen.line(line)
    origin = model.provenance
    if origin is not None and origin.reduction is not None:
        show_loss(screen, origin.reduction.loss)
    if origin is not None and origin.candidates:
        show_candidates(screen, origin.candidates)
    screen.result({"kind": "model", "path": path, **found, "precision": precision})


def _show_decisions(screen: Screen, model: ExcursionModel, found: dict[str, Any]) -> None:
    from morphgen.validation.words import shared_words

    shared = shared_words(model)
    which = "independent fields" if shared is None else "fields that share noise"
    screen.line(f"Phases are decided in this order, by {which}:")
    screen.table(
        ("decides", "field", "set", "kernel", "halo"),
        [
            (one["phase"], one["field"], one["set"], one["kernel"], f"{one['halo']} voxels")
            for one in found["fields"]
        ],
    )
    screen.line(f"{found['rest']} is what no field decides.")
    if shared is not None:
        screen.line(shared)


def model_record(model: ExcursionModel) -> dict[str, Any]:
    """What a model holds, in plain values; an infinite surface area becomes null in JSON."""
    from .model_tables import parameter_records

    origin = model.provenance
    names = {phase.label: phase.name for phase in model.phases}
    return {
        "unit": model.unit,
        "voxel_size": list(model.voxel_size),
        "block_edge": model.block_edge,
        "phases": _phase_records(model),
        "order": list(model.order),
        "rest": names[model.order[-1]],
        "fields": _field_records(model, names),
        "shared": None if model.shared is None else asdict(model.shared),
        "parameters": parameter_records(model),
        "provenance": None if origin is None else asdict(origin),
    }


def _phase_records(model: ExcursionModel) -> list[dict[str, Any]]:
    fractions, areas = model.volume_fractions(), model.specific_surface_areas()
    origin = model.provenance
    errors = {} if origin is None else origin.uncertainty
    intervals = {} if origin is None else origin.intervals
    return [
        {
            "label": phase.label,
            "name": phase.name,
            "color": phase.color,
            "volume_fraction": float(fractions[phase.label]),
            "standard_error": errors.get(f"volume_fraction.{phase.label}"),
            "interval": intervals.get(f"volume_fraction.{phase.label}"),
            "specific_surface_area": float(areas[phase.label]),
        }
        for phase in model.phases
    ]


def _field_records(model: ExcursionModel, names: dict[int, str]) -> list[dict[str, Any]]:
    from morphgen.validation.words import field_rows

    return [
        {
            "decides": label,
            "phase": names[label],
            "law": field.law.type,
            "components": field.law.components,
            "field": words.law,
            "threshold": field.threshold,
            "side": field.side,
            "set": words.set,
            "correlation_length": words.correlation_length,
            "kernel": words.kernel,
            "halo": halo,
        }
        for label, field, words, halo in zip(
            model.order[:-1], model.fields, field_rows(model), model.halos, strict=True
        )
    ]


def _origin_lines(model: ExcursionModel) -> list[str]:
    origin = model.provenance
    if origin is None:
        return ["It carries no record of a calibration."]
    from morphgen.validation.words import accuracy_words, lengths_in

    made = "Calibrated" if origin.reduction is None else _reduced(origin.reduction)
    lines = [
        f"{made} by the method {origin.method}, parametrization {origin.parametrization}, "
        f"seed {origin.seed}, morphgen {origin.versions.get('morphgen', '?')}: {origin.status}.",
    ]
    lines += [
        f"  {one.name}: {one.shape[0]} x {one.shape[1]} pixels, plane {one.plane}, "
        f"sha256 {one.sha256[:16]}"
        for one in origin.sources
    ]
    if origin.misfit:
        lines.append(
            f"Largest misfit of C_ij {figure(max(origin.misfit.values()))}, bound "
            f"{figure(origin.bound)}, lags up to {figure(origin.max_lag)} {lengths_in(model.unit)}."
        )
    accuracy = accuracy_words(model)
    return lines if accuracy is None else [*lines, accuracy]


def _reduced(reduction: Reduction) -> str:
    return f"Reduced from the model sha256 {reduction.source[:16]}, calibrated"


def _volume(
    screen: Screen, volume: VolumeInfo, verify: str | None = None, seed: int | None = None
) -> None:
    from morphgen.validation.words import lengths_in

    found = volume_record(volume)
    z, y, x = volume.shape
    size = " x ".join(f"{side:.4g}" for side in found["size"])
    state = _state(volume)
    rows = [
        ("shape", f"{z} x {y} x {x} voxels (z, y, x)"),
        ("size", f"{size} {lengths_in(volume.unit)}"),
        ("voxels", _voxel_words(volume)),
        ("state", state),
        ("phases", ", ".join(f"{p.label} = {p.name}" for p in volume.model.phases)),
        ("model", f"sha256 {found['model_sha256'][:16]}"),
        ("seed", str(volume.seed)),
        ("periodic", ", ".join(volume.record.periodic) or "no axis"),
        ("backend", f"{volume.backend.name} on {volume.backend.device}"),
        ("blocks", f"{volume.blocks}, of {volume.grid.edge}^3 voxels"),
        ("written by", _origin(volume)),
    ]
    if volume.record.profile is not None:
        rows.insert(7, ("profile", _profile_words(volume, volume.record.profile)))
    if volume.levels:
        rows.insert(4, ("levels", f"{volume.levels} coarser, by {volume.record.downsample}"))
    checked = None if verify is None else verified(screen, volume, verify, seed)
    if checked is not None:
        rows.append(("verified", _verdict(checked)))
        found["verified"] = asdict(checked) | {"passed": checked.passed}
    screen.line(f"{volume.location}: volume")
    for name, value in rows:
        screen.line(f"{name:<11}{value}")
    screen.result(found)
    if checked is not None and not checked.passed:
        raise typer.Exit(FAILED)


def _voxel_words(volume: VolumeInfo) -> str:
    """Voxel size, and that of the sections where it is another one."""
    from morphgen.excursion import section_pixels
    from morphgen.validation.words import lengths_in

    seen, sizes = section_pixels(volume.model), sorted(set(volume.voxel_size))
    own, others = (" x ".join(f"{size:.4g}" for size in one) for one in (sizes, seen))
    words = f"{own} {lengths_in(volume.unit)}"
    return words if own == others else f"{words}, those of the sections {others}"


def _profile_words(volume: VolumeInfo, profile: Profile) -> str:
    """Fractions along the axis, such as ``along z, at 0, 80 µm: pore 0.5, 0.3``."""
    from morphgen.validation.words import lengths_in

    places = ", ".join(f"{place:.4g}" for place in profile.positions)
    names = {phase.label: phase.name for phase in volume.model.phases}
    shares = [
        f"{names[label]} {', '.join(f'{value:.3g}' for value in values)}"
        for label, values in profile.fractions.items()
    ]
    along = f"along {profile.axis}, {profile.between}, at {places} {lengths_in(volume.unit)}: "
    return along + "; ".join(shares)


def verified(screen: Screen, volume: VolumeInfo, verify: str, seed: int | None) -> Verification:
    """Compute blocks again, and tell which are not what they should be."""
    from morphgen.tiles import verify as run

    blocks = int(verify) if verify.isascii() and verify.isdecimal() else verify
    with screen.progress() as progress:
        found = run(volume, blocks, seed=seed, progress=progress)
    if not sum(found.checked):
        trouble("no block is written, so that nothing could be verified; run generate --resume")
    for one in found.different:
        level = f"level {one.level}, " if one.level else ""
        trouble(
            f"{level}block {one.index} at voxel {one.start}: {one.reason}; delete {one.file} and "
            "run generate --resume"
        )
    return found


def _verdict(found: Verification) -> str:
    wrong = len(found.different)
    words = f"{sum(found.checked)} blocks computed again, {wrong} of them differ"
    if sum(found.missing):
        words += f"; {sum(found.missing)} are not written and were not compared"
    if not found.identical_expected:
        words += (
            f"; {found.rounded} of {found.voxels:,} voxels differ otherwise, as rounding may make "
            "them here, where versions or CPU are not those that the store records"
        )
    return words


def _state(volume: VolumeInfo) -> str:
    if volume.complete:
        return "complete"
    if volume.written < volume.blocks:
        return f"{volume.written} of {volume.blocks} blocks"
    if not volume.described:
        return "damaged: its array metadata is lost; continue with generate --resume"
    missing = sum(absent.size for absent in volume.missing_by_level)
    return f"{missing} blocks of coarser levels are missing; continue with generate --resume"


def _origin(volume: VolumeInfo) -> str:
    origin = volume.record.origin
    words = [f"morphgen {volume.versions.get('morphgen', '?')}"]
    words += [origin[key] for key in ("created", "cpu") if key in origin]
    return ", ".join(words)


def volume_record(volume: VolumeInfo) -> dict[str, Any]:
    """What a volume store holds, in plain values."""
    from morphgen.excursion import section_pixels
    from morphgen.excursion.profile_files import profile_record
    from morphgen.tiles.metadata import model_hash

    profile = volume.record.profile
    return {
        "kind": "volume",
        "path": volume.location,
        "shape": list(volume.shape),
        "size": [n * size for n, size in zip(volume.shape, volume.voxel_size, strict=True)],
        "voxel_size": list(volume.voxel_size),
        "section_pixels": list(section_pixels(volume.model)),
        "unit": volume.unit,
        "complete": volume.complete,
        "blocks": volume.blocks,
        "blocks_written": volume.written,
        "block_edge": volume.grid.edge,
        "chunk": volume.record.chunk,
        "phases": [{"label": p.label, "name": p.name} for p in volume.model.phases],
        "model_sha256": model_hash(volume.model),
        "seed": volume.seed,
        "periodic": list(volume.record.periodic),
        "profile": None if profile is None else profile_record(profile),
        "backend": volume.backend.name,
        "device": volume.backend.device,
        "versions": dict(volume.versions),
        "levels": [
            {
                "array": str(level),
                "shape": list(volume.record.grid_of(level).shape),
                "blocks": len(volume.record.grid_of(level)),
                "blocks_written": len(volume.record.grid_of(level)) - missing.size,
            }
            for level, missing in enumerate(volume.missing_by_level)
        ],
        "downsample": volume.record.downsample if volume.levels else None,
        "origin": dict(volume.record.origin),
    }
