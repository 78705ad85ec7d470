"""Rows of a study on disk: one small file for each scenario, whole or absent.

The folder of a study holds ``study.json``, which says what the rows belong to, ``rows/``, and in
the end the table. A row is written under another name first and renamed, so that a run can be
killed at any moment. It carries a digest of itself and of what its study is.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from morphgen.descriptors import DESCRIPTORS_VERSION, KINDS
from morphgen.errors import GenerationError, StoreError
from morphgen.excursion import ExcursionModel
from morphgen.excursion.storage import dump_model
from morphgen.fields.noise import NOISE_VERSION
from morphgen.fields.synthesis import SYNTHESIS_VERSION
from morphgen.studies.design import Values
from morphgen.studies.parsing import plain_study
from morphgen.studies.request import StudyRequest
from morphgen.studies.scenarios import Scenario

FORMAT = "morphgen-study"
FORMAT_VERSION = 2
RECORD = "study.json"
TABLE = "study.parquet"
VOLUMES = "volumes"
_ROWS = "rows"
# other versions may measure other numbers
_PACKAGES = ("morphgen", "numpy", "scipy")
_REVISIONS = {
    "morphgen.descriptors": DESCRIPTORS_VERSION,
    "morphgen.fields.noise": NOISE_VERSION,
    "morphgen.fields.synthesis": SYNTHESIS_VERSION,
}
_SEAL = "sha256"


@dataclass(frozen=True)
class Row:
    """What became of a scenario.

    Attributes
    ----------
    scenario, point, realization, seed : int
        As in `Scenario`.
    values : dict of str to int or float
        Values of what was varied.
    readings : dict of str to float
        What was measured, by column; NaN where the volume does not determine it.
    error : str
        Why there are no readings; empty if there are.
    seconds : float
        How long it took; not in the table, which is the same for every run.
    trace : str
        Where in the code an error arose that was not foreseen; not in the table.
    feature_voxels : float
        As in `Scenario`; closed form, not measured.
    """

    scenario: int
    point: int
    realization: int
    seed: int
    values: Values
    readings: dict[str, float]
    error: str = ""
    seconds: float = 0.0
    trace: str = ""
    feature_voxels: float = math.nan


def row_of(
    scenario: Scenario,
    readings: dict[str, float],
    error: str = "",
    seconds: float = 0.0,
    trace: str = "",
) -> Row:
    """Row of a scenario."""
    one = scenario
    return Row(
        one.number, one.point, one.realization, one.seed, one.values, readings, error, seconds,
        trace, one.feature_voxels,
    )  # fmt: skip


class StudyFolder:
    """Folder of a study.

    Parameters
    ----------
    path : str or Path
        The folder, which need not exist.
    model, request : ExcursionModel, StudyRequest
        What the rows belong to.
    """

    def __init__(self, path: str | Path, model: ExcursionModel, request: StudyRequest) -> None:
        self.path = Path(path)
        self.record = record_of(model, request)

    @property
    def table(self) -> Path:
        """File of the table."""
        return self.path / TABLE

    def volume(self, number: int) -> Path:
        """Zarr store of a scenario whose volume is kept."""
        return self.path / VOLUMES / f"{number:06d}.zarr"

    def check(self, *, resume: bool) -> None:
        """Refuse a folder that holds something else; nothing is written.

        Raises
        ------
        StoreError
            If the folder is not empty and not to be continued, or holds another study.
        """
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise StoreError(f"{self.path} is a file; choose another folder")
        found = self._record()
        if found is None:
            if any(one.is_file() or one.name != _ROWS for one in self._content()):
                raise StoreError(f"{self.path} is not empty; choose another folder")
            return
        if not resume:
            raise StoreError(f"{self.path} holds a study; resume it, or choose another folder")
        if found.get("format_version") != FORMAT_VERSION:
            other = ["another format"]
        else:
            names = {"model": "another model", "study": "another study"}
            other = [words for key, words in names.items() if found.get(key) != self.record[key]]
            other += self._other_versions(found.get("versions"))
        if other:
            raise StoreError(
                f"{self.path} cannot be continued: it belongs to {' and '.join(other)}. "
                "Ask for the same, or choose another folder"
            )

    def begin(self) -> None:
        """Write down what the rows belong to.

        Raises
        ------
        StoreError
            If the folder cannot be written.
        """
        try:
            (self.path / _ROWS).mkdir(parents=True, exist_ok=True)
            for left in (self.path / _ROWS).glob("*.partial"):
                left.unlink()
            if self._record() is None:
                _write(self.path / RECORD, self.record)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error.strerror}") from error

    def write(self, row: Row) -> None:
        """Write a row, whole or not at all.

        Raises
        ------
        GenerationError
            If it cannot be written.
        """
        content = dict(vars(row)) | {
            "readings": {name: _text(x) for name, x in row.readings.items()},
            "feature_voxels": _text(row.feature_voxels),
        }
        file = self._file(row.scenario)
        try:
            _write(file, content | {_SEAL: self._seal(content)})
        except OSError as error:
            raise GenerationError(f"{file} cannot be written: {error.strerror}") from error

    def row(self, number: int) -> Row | None:
        """Row of a scenario; None if there is none, or one that this study did not write.

        A row that is damaged, was changed, is of another scenario or of another study does not
        carry the right seal.
        """
        try:
            content = json.loads(self._file(number).read_text(encoding="utf-8"))
            seal = content.pop(_SEAL)
            if seal != self._seal(content) or content["scenario"] != number:
                return None
            readings = {name: float(x) for name, x in content.pop("readings").items()}
            feature = float(content.pop("feature_voxels"))
        except (OSError, ValueError, LookupError, AttributeError, TypeError):
            return None
        return Row(readings=readings, feature_voxels=feature, **content)

    def has_file(self, number: int) -> bool:
        """Whether a scenario has a row, be it one to believe or not."""
        return self._file(number).exists()

    def _seal(self, content: Mapping[str, Any]) -> str:
        """Digest of a row and of what its study is."""
        text = json.dumps([self.record, content], sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def _file(self, number: int) -> Path:
        return self.path / _ROWS / f"{number:06d}.json"

    def _content(self) -> list[Path]:
        """What lies in the folder and in that of the rows, but for what was never finished."""
        found = [*self.path.iterdir(), *self.path.glob(f"{_ROWS}/*")]
        return [one for one in found if not one.name.endswith(".partial")]

    def _other_versions(self, found: Any) -> list[str]:
        """Versions that differ from those of today, of what the numbers depend on."""
        here, there = self.record["versions"], found if isinstance(found, dict) else {}
        names = sorted(name for name in {*here, *there} if here.get(name) != there.get(name))
        different = [
            f"{name} {there.get(name, 'absent')}, here {here.get(name, 'absent')}" for name in names
        ]
        return [f"other versions ({'; '.join(different)})"] if different else []

    def _record(self) -> dict[str, Any] | None:
        """What the folder says of itself; None if it holds no study."""
        file = self.path / RECORD
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            content = None
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise StoreError(f"{file} is no record of a study; choose another folder")
        return content


def record_of(model: ExcursionModel, request: StudyRequest) -> dict[str, Any]:
    """What determines the rows of a study."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model": json.loads(dump_model(model)),
        "study": plain_study(request),
        "versions": versions_of(request.descriptors),
    }


def versions_of(descriptors: Sequence[str]) -> dict[str, str | int]:
    """Versions of the packages that descriptors use, and revisions of our own numbers, as here."""
    packages = {name for kind in descriptors for name in KINDS[kind].packages}
    return {name: version(name) for name in (*_PACKAGES, *sorted(packages))} | _REVISIONS


def _write(target: Path, content: Mapping[str, Any]) -> None:
    """Write JSON, whole or not at all."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=1, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def _text(value: float) -> float | str:
    """JSON has neither NaN nor infinity; Python's float reads these words."""
    return value if math.isfinite(value) else str(value)
