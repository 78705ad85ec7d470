"""What voxels do to fitted power laws: by voxels per feature, and on voxels twice as large.

    python benchmarks/law_resolution.py MODEL STUDY.toml STUDY [--step 2]

Labels are those of points, so that every second voxel of a volume is the volume on voxels twice as
large, exactly. STUDY is the folder of the study; its volumes are drawn anew.
"""

from __future__ import annotations

import argparse

import numpy as np
from runs import surroundings
from scipy.stats import spearmanr

import morphgen as mg
from morphgen.descriptors import Frame, Wanted, measure
from morphgen.studies import Job, Table, job_of, read_table, relate, scenarios
from morphgen.studies.relations import PREDICTORS, RESPONSE
from morphgen.studies.run import column

KINDS = (*PREDICTORS, RESPONSE)


def seen_coarsely(job: Job, step: int) -> dict[str, float]:
    """Descriptors of a volume at every so manieth voxel."""
    model = job.scenario.model
    labels = job.scenario.sample.window((0, 0, 0), job.shape)[::step, ::step, ::step]
    size = (step * model.voxel_size[0], step * model.voxel_size[1], step * model.voxel_size[2])
    frame = Frame(labels.shape, size, "zyx", job.labels, model.unit)
    found = measure(np.ascontiguousarray(labels), frame, Wanted(KINDS, 1))
    return {column(one, model.phases): float(one.values[0]) for one in found}


def show(title: str, table: Table, *more: str) -> None:
    """Print laws with their intervals, and how published ones compare."""
    for one in relate(table, predictors=(*PREDICTORS, *more)):
        fit = one.regressions[0]
        ends = ", ".join(f"{name} {a:.3g} to {b:.3g}" for name, (a, b) in fit.intervals.items())
        error = fit.held_out.percentage_error
        print(f"{title}, {one.phase}: {fit.law.text}; {ends}; held out {error:.1f} %")
        for law, found in one.published:
            predicted = law.predict(one.data.predictors)
            factor = np.median(predicted / one.data.response)
            rank = spearmanr(predicted, one.data.response).statistic
            error = found.percentage_error
            print(f"  {law.name}: {error:.1f} %, times {factor:.2f}, ranks correlate by {rank:.2f}")


def show_residuals(table: Table) -> None:
    """Print how the residuals of points follow voxels per feature; equal observations of each."""
    for one in relate(table):
        fitted = one.regressions[0].law.predict(one.data.predictors)
        count = len(table.errors)
        residuals = np.log(one.data.response / fitted).reshape(-1, count).mean(axis=0)
        voxels = table.columns["feature_voxels"]
        thirds = [residuals[part].mean() for part in np.array_split(np.argsort(voxels), 3)]
        shown = ", ".join(f"{mean:.3f}" for mean in thirds)
        correlation = np.corrcoef(residuals, np.log(voxels))[0, 1]
        print(f"{one.phase}: residuals and voxels correlate by {correlation:.2f}; thirds {shown}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("request")
    parser.add_argument("study")
    parser.add_argument("--step", type=int, default=2)
    given = parser.parse_args()
    print(surroundings("morphgen", "numpy", "scipy", "taufactor"))
    request, fine = mg.read_study(given.request), read_table(given.study)
    jobs = [job_of(one, request) for one in scenarios(mg.load_model(given.model), request)]
    voxels = np.array([job.scenario.feature_voxels for job in jobs])
    fine = Table({**fine.columns, "feature_voxels": voxels}, fine.errors)
    print(f"voxels per feature: {voxels.min():.1f} to {voxels.max():.1f}, {np.median(voxels):.1f}")
    show("as it is", fine)
    show("by voxels per feature", fine, "feature_voxels")
    show_residuals(fine)
    rows = [seen_coarsely(job, given.step) for job in jobs]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    show(f"every voxel of {given.step}", Table({**fine.columns, **columns}, fine.errors))
    for kind in KINDS:
        names = [name for name in columns if name.startswith(kind)]
        ratios = np.concatenate([columns[name] / fine.columns[name] for name in names])
        low, middle, high = np.nanquantile(ratios, (0.1, 0.5, 0.9))
        print(f"{kind}: times {middle:.3f}, {low:.3f} to {high:.3f} in 80 % of {ratios.size}")


if __name__ == "__main__":
    main()
