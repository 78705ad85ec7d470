"""How long a combined calibration takes, from the first measurement to the saved model.

    python benchmarks/training.py [--steps 800] [--truths "mixed" ...]

Three-phase sections of 512 x 512 pixels; order and laws are chosen, networks trained.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import morphgen as mg
from morphgen.workflows import TrainingOptions

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from calibration.truths import TRUTHS


def timed(name: str, steps: int | None, method: str) -> str:
    """Table row of one truth."""
    truth = TRUTHS[name]
    section = mg.read_section(mg.section_sampler(truth, (512, 512)).labels(1))
    began, busy = time.perf_counter(), time.process_time()
    stages: dict[str, float] = {}

    def tell(stage: str, done: int, total: int) -> None:
        stages.setdefault(stage.partition(":")[0], time.perf_counter() - began)

    result = mg.calibrate(
        [section], method=method, training=TrainingOptions(steps=steps), progress=tell
    )
    with tempfile.TemporaryDirectory() as folder:
        result.model.save(Path(folder) / "model.json")
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    assert result.model.provenance is not None
    record = result.model.provenance.training
    assert record is not None
    laws = " + ".join(field.law.name for field in result.model.fields)
    trained = seconds - stages["training"]
    return (
        f"| {name} | {laws} | {seconds:.0f} | {busy:.0f} | {trained:.0f} | {record.steps} "
        f"| {record.best_step} | {record.score_start:.3f} | {record.score_best:.3f} "
        f"| {result.coverage.misfit:.4f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int)
    parser.add_argument("--method", default="combined")
    parser.add_argument("--truths", nargs="+", default=list(TRUTHS))
    options = parser.parse_args()
    print(
        "| truth | laws found | seconds | CPU seconds | seconds of training | steps | best step "
        "| held-out score at the start | at best | sup dC |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name in options.truths:
        print(timed(name, options.steps, options.method), flush=True)


if __name__ == "__main__":
    main()
