"""What coarser voxels do to fitted power laws: the volumes of a study, seen at every second voxel.

    python benchmarks/law_resolution.py MODEL STUDY.toml STUDY [--step 2]

Labels are those of points, so that every second voxel of a volume is the volume on voxels twice as
large, exactly. STUDY is the folder of the study; its volumes are drawn anew.
"""

from __future__ import annotations

import argparse

import numpy as np
from runs import surroundings

import morphgen as mg
from morphgen.descriptors import Frame, Wanted, measure
from morphgen.studies import Job, Table, job_of, read_table, relate, scenarios
from morphgen.studies.relations import PREDICTORS, RESPONSE
from morphgen.studies.run import column


def seen_coarsely(job: Job, step: int) -> dict[str, float]:
    """Descriptors of a volume at every so manieth voxel."""
    model = job.scenario.model
    labels = job.scenario.sample.window((0, 0, 0), job.shape)[::step, ::step, ::step]
    size = (step * model.voxel_size[0], step * model.voxel_size[1], step * model.voxel_size[2])
    frame = Frame(labels.shape, size, "zyx", job.labels, model.unit)
    found = measure(np.ascontiguousarray(labels), frame, Wanted((*PREDICTORS, RESPONSE), 1))
    return {column(one, model.phases): float(one.values[0]) for one in found}


def show(title: str, table: Table) -> None:
    for one in relate(table):
        fit = one.regressions[0]
        ends = ", ".join(f"{name} {a:.3g} to {b:.3g}" for name, (a, b) in fit.intervals.items())
        error = fit.held_out.percentage_error
        print(f"{title}, {one.phase}: {fit.law.text}; {ends}; held out {error:.1f} %")
        for law, found in one.published:
            factor = np.median(law.predict(one.data.predictors) / one.data.response)
            print(f"  {law.name}: {found.percentage_error:.1f} %, times {factor:.2f}")


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
    rows = [seen_coarsely(job, given.step) for job in jobs]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    coarse = Table({**fine.columns, **columns}, fine.errors)
    show("as it is", fine)
    show(f"every voxel of {given.step}", coarse)
    for name, values in columns.items():
        known = (values > 0.0) & (fine.columns[name] > 0.0)
        ratios = np.quantile(values[known] / fine.columns[name][known], (0.1, 0.5, 0.9))
        shown = " {1:.3f}, {0:.3f} to {2:.3f} in 80 %".format(*ratios)
        print(f"{name}: times{shown}; {known.sum()} of {known.size}")


if __name__ == "__main__":
    main()
