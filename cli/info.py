"""``morphgen info``: what a model or a volume holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morphgen.errors import InputError

from .options import Debug, Json, Quiet
from .screen import Screen, figure

if TYPE_CHECKING:
    from morphgen.excursion import ExcursionModel
    from morphgen.tiles import VolumeInfo


def info(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL_OR_VOLUME", show_default=False, help="Model file or Zarr store."
        ),
    ],
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say what a model or a volume holds."""
    screen = Screen(as_json, quiet)
    if path.is_dir():
        from morphgen.tiles import open_volume

        if not (path / "zarr.json").is_file():
            raise InputError(f"{path} holds no volume; give a model file or a Zarr store")
        _volume(screen, open_volume(path))
        return
    from morphgen.excursion import load_model

    _model(screen, path, load_model(path))


def _model(screen: Screen, path: Path, model: ExcursionModel) -> None:
    from morphgen.validation.words import lengths_in, unit_word

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
                figure(one["volume_fraction"], one["standard_error"]),
                figure(one["specific_surface_area"]),
            )
            for one in found["phases"]
        ],
        right=(0,),
    )
    screen.line("Phases are decided in this order, by independent fields:")
    screen.table(
        ("decides", "field", "set", "kernel", "halo"),
        [
            (one["phase"], one["field"], one["set"], one["kernel"], f"{one['halo']} voxels")
            for one in found["fields"]
        ],
    )
    screen.line(f"{found['rest']} is what no field decides.")
    for line in _origin_lines(model):
        screen.line(line)
    screen.result({"kind": "model", "path": path, **found})


def model_record(model: ExcursionModel) -> dict[str, Any]:
    """What a model holds, in plain values; an infinite surface area becomes null in JSON."""
    from dataclasses import asdict

    from morphgen.validation.words import field_rows

    fractions, areas = model.volume_fractions(), model.specific_surface_areas()
    errors = {} if model.provenance is None else model.provenance.uncertainty
    names = {phase.label: phase.name for phase in model.phases}
    return {
        "unit": model.unit,
        "voxel_size": list(model.voxel_size),
        "block_edge": model.block_edge,
        "phases": [
            {
                "label": phase.label,
                "name": phase.name,
                "color": phase.color,
                "volume_fraction": float(fractions[phase.label]),
                "standard_error": errors.get(f"volume_fraction.{phase.label}"),
                "specific_surface_area": float(areas[phase.label]),
            }
            for phase in model.phases
        ],
        "order": list(model.order),
        "rest": names[model.order[-1]],
        "fields": [
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
        ],
        "provenance": None if model.provenance is None else asdict(model.provenance),
    }


def _origin_lines(model: ExcursionModel) -> list[str]:
    origin = model.provenance
    if origin is None:
        return ["It carries no record of a calibration."]
    from morphgen.validation.words import lengths_in

    lines = [
        f"Calibrated by the method {origin.method}, parametrization {origin.parametrization}, "
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
    return lines


def _volume(screen: Screen, volume: VolumeInfo) -> None:
    from morphgen.validation.words import lengths_in

    found = volume_record(volume)
    z, y, x = volume.shape
    size = " x ".join(f"{side:.4g}" for side in found["size"])
    state = "complete" if volume.complete else f"{volume.written} of {volume.blocks} blocks"
    if volume.written == volume.blocks and not volume.complete:
        state = "damaged: its array metadata is lost; continue with generate --resume"
    rows = [
        ("shape", f"{z} x {y} x {x} voxels (z, y, x)"),
        ("size", f"{size} {lengths_in(volume.unit)}"),
        ("state", state),
        ("phases", ", ".join(f"{p.label} = {p.name}" for p in volume.model.phases)),
        ("model", f"sha256 {found['model_sha256'][:16]}"),
        ("seed", str(volume.seed)),
        ("periodic", ", ".join(volume.record.periodic) or "no axis"),
        ("backend", f"{volume.backend.name} on {volume.backend.device}"),
        ("blocks", f"{volume.blocks}, of {volume.grid.edge}^3 voxels"),
        ("written by", f"morphgen {volume.versions.get('morphgen', '?')}"),
    ]
    screen.line(f"{volume.path}: volume")
    for name, value in rows:
        screen.line(f"{name:<11}{value}")
    screen.result(found)


def volume_record(volume: VolumeInfo) -> dict[str, Any]:
    """What a volume store holds, in plain values."""
    from morphgen.tiles.metadata import model_hash

    return {
        "kind": "volume",
        "path": volume.path,
        "shape": list(volume.shape),
        "size": [n * size for n, size in zip(volume.shape, volume.voxel_size, strict=True)],
        "voxel_size": list(volume.voxel_size),
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
        "backend": volume.backend.name,
        "device": volume.backend.device,
        "versions": dict(volume.versions),
    }
