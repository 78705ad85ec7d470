"""Validation of a model against realizations of itself, and of wrong models against the truth.

    python benchmarks/validation.py --folder pool [--seeds 100] [--realizations 16 32]

The truth has three phases, decided by two Gaussian fields. Its sections of 512² and volumes of 192³
voxels are compared with simulations of itself, of the same model with correlation lengths 10 % too
long, and of a model of the wrong class (first field chi-square with two degrees of freedom) that is
calibrated to the two-point coverage of a section of 2048². Every realization is measured once and
kept in the folder; a comparison takes a reference and, at random, as many simulations as are asked
for among the others. A folder can be filled by several calls.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import morphgen as mg
from morphgen.descriptors.measures import chosen_kinds
from morphgen.descriptors.readings import Key, Reading
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.images import Volume
from morphgen.validation.measure import Readings
from morphgen.validation.quantities import Measured, Rule, judge_all
from morphgen.validation.specimens import (
    ReferenceVolume,
    SectionSet,
    reference_volume,
    section_set,
)

PHASES = (mg.Phase(0, "pore"), mg.Phase(1, "active material"), mg.Phase(2, "electrolyte"))
LENGTH = 4.0
FITTED_SIDE = 2048
# not conductivities, which no realization would ever hold
MEASURED = chosen_kinds(3, None, (), ())
LEVEL, MARGIN, MAX_LAG = 0.01, 0.1, 24.0

PARTS = ("values", "x", "standard_error")

Row = Mapping[str, Readings]


@dataclass(frozen=True)
class Request:
    """Sizes, and where measured realizations are kept."""

    section: int
    volume: int
    folder: Path
    kinds: tuple[str, ...]


def truth(length: float = LENGTH) -> mg.ExcursionModel:
    """Three phases of two Gaussian fields."""
    law = Gaussian()
    fields = (
        mg.Field(GaussianKernel(length), law, law.threshold(0.4)),
        mg.Field(GaussianKernel(0.8 * length), law, law.threshold(0.55)),
    )
    return mg.ExcursionModel(PHASES, (1, 2, 0), fields)


def wrong_class() -> mg.ExcursionModel:
    """Model whose first field is chi-square, with the two-point coverage of a section."""
    labels = mg.section_sampler(truth(), (FITTED_SIDE, FITTED_SIDE)).labels(2**40)
    section = mg.read_section(labels, phases="0=pore,1=active material,2=electrolyte")
    fit = mg.calibrate([section], fields="chi2:2,gaussian", order="1,2,0")
    return fit.model.with_provenance(None)


CANDIDATES = {"itself": truth, "lengths + 10 %": lambda: truth(1.1 * LENGTH), "class": wrong_class}


def specimens(model: mg.ExcursionModel, request: Request) -> list[SectionSet | ReferenceVolume]:
    """What simulations of a model are looked at like."""
    found: list[SectionSet | ReferenceVolume] = []
    if request.section:
        labels = np.zeros((request.section, request.section), dtype=np.uint8)
        section = mg.Section(labels, "xy", (1.0, 1.0), "voxel", PHASES, "0" * 64, "section")
        found.append(section_set(model, [section], MAX_LAG))
    if request.volume:
        labels = np.zeros((request.volume,) * 3, dtype=np.uint8)
        volume = Volume(labels, (1.0, 1.0, 1.0), "voxel", PHASES, "0" * 64, "volume")
        found.append(reference_volume(model, volume, MAX_LAG, request.kinds))
    return found


def fill(name: str, model: mg.ExcursionModel, number: int, request: Request) -> None:
    """Measure a realization of a candidate, or those kinds of it that the folder lacks."""
    seed = list(CANDIDATES).index(name)
    path = request.folder / f"{seed}-{number:03d}.npz"
    row = load(path) if path.exists() else {}
    known = {key.kind for key in row.get("volume", {})}
    lacking = tuple(kind for kind in request.kinds if kind not in known)
    began = time.perf_counter()
    lacks = [
        one
        for one in specimens(model, replace(request, kinds=lacking))
        if one.place not in row or (one.place == "volume" and lacking)
    ]
    for one in lacks:
        row[one.place] = {**row.get(one.place, {}), **one.simulated(seed, number)}
    if lacks:
        save(path, row)
        print(f"{name} {number}: {time.perf_counter() - began:.1f} s", flush=True)


def save(path: Path, row: Row) -> None:
    """Write the readings of a realization."""
    pairs = [(place, one) for place, readings in row.items() for one in readings.values()]
    arrays = {"keys": np.array(json.dumps([(place, *one.key) for place, one in pairs]))}
    for number, (_, one) in enumerate(pairs):
        for part in PARTS:
            if getattr(one, part) is not None:
                arrays[f"{number} {part}"] = getattr(one, part)
    np.savez_compressed(path, **arrays)


def load(path: Path) -> dict[str, Readings]:
    """Read what `save` wrote."""
    row: dict[str, Readings] = {}
    with np.load(path, allow_pickle=False) as file:
        for number, (place, kind, phases, direction) in enumerate(json.loads(str(file["keys"]))):
            key = Key(kind, tuple(phases), direction)
            values, x, error = (file.get(f"{number} {part}") for part in PARTS)
            row.setdefault(place, {})[key] = Reading(key, values, x, error)
    return row


def rows(name: str, request: Request) -> list[Row]:
    """Measured realizations of a candidate, in order, but for those that lack a kind."""
    seed = list(CANDIDATES).index(name)
    found: list[Row] = [load(path) for path in sorted(request.folder.glob(f"{seed}-*.npz"))]
    most = max((len(one.get("volume", {})) for one in found), default=0)
    return [one for one in found if len(one.get("volume", {})) == most]


def verdict(reference: Row, simulated: Sequence[Row]) -> tuple[bool, list[str]]:
    """Whether a reference passes, and what is farthest off."""
    subjects = [
        Measured(place, readings, [one[place] for one in simulated], 0.0, {})
        for place, readings in reference.items()
    ]
    _, quantities = judge_all(subjects, Rule(LEVEL, MARGIN, "voxel"))
    off = [f"{one.where} {one.kind}" for one in quantities if not one.passed]
    return not off, off


def table(request: Request, seeds: int, counts: Sequence[int]) -> None:
    """Print how many references pass."""
    pools = {name: rows(name, request) for name in CANDIDATES}
    print("| simulations of | realizations | references | passed | most often outside |")
    print("|---|---|---|---|---|")
    for name, pool in pools.items():
        for count in counts:
            random = np.random.default_rng(count)
            references = pools["itself"][:seeds]
            found = []
            for number, reference in enumerate(references):
                others = [k for k in range(len(pool)) if name != "itself" or k != number]
                if len(others) >= count:
                    chosen = random.choice(others, count, replace=False)
                    found.append(verdict(reference, [pool[k] for k in chosen]))
            if found:
                passed = sum(one for one, _ in found)
                often = Counter(kind for _, off in found for kind in set(off)).most_common(3)
                words = ", ".join(f"{kind} ({times})" for kind, times in often)
                print(f"| {name} | {count} | {len(found)} | {passed} | {words} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--realizations", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--section", type=int, default=512, help="side in pixels; 0 for none")
    parser.add_argument("--volume", type=int, default=192, help="side in voxels; 0 for none")
    parser.add_argument("--kinds", default=",".join(MEASURED), help="measured on volumes")
    parser.add_argument("--table", action="store_true", help="measure nothing, only compare")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    kinds = tuple(options.kinds.split(","))
    request = Request(options.section, options.volume, options.folder, kinds)
    if not options.table:
        models = {name: make() for name, make in CANDIDATES.items()}
        most = max(options.realizations)
        for number in range(max(options.seeds, most)):
            for name, model in models.items():
                if name == "itself" or number < most:
                    fill(name, model, number, request)
    table(request, options.seeds, options.realizations)


if __name__ == "__main__":
    main()
