"""Rows of a study on disk: one small file for each scenario, whole or absent.

The folder of a study holds ``study.json``, which says what the rows belong to, ``rows/``, and in
the end the table. A row is written under another name first and renamed, so that a run can be
killed at any moment.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from morphgen.errors import StoreError
from morphgen.excursion import ExcursionModel
from morphgen.excursion.storage import dump_model
from morphgen.studies.design import Values
from morphgen.studies.parsing import plain_study
from morphgen.studies.request import StudyRequest
from morphgen.studies.scenarios import Scenario

FORMAT = "morphgen-study"
FORMAT_VERSION = 1
RECORD = "study.json"
TABLE = "study.parquet"
VOLUMES = "volumes"
_ROWS = "rows"
# other versions may measure other numbers
_PACKAGES = ("morphgen", "numpy", "scipy")


@dataclass(frozen=True)
class Row:
    """What became of a scenario.

    Attributes
    ----------
    scenario, point, realization, seed : int
        As in `Scenario`.
    values : dict of str to float
        Values of what was varied.
    readings : dict of str to float
        What was measured, by column; NaN where the volume does not determine it.
    error : str
        Why there are no readings; empty if there are.
    seconds : float
        How long it took; not in the table, which is the same for every run.
    """

    scenario: int
    point: int
    realization: int
    seed: int
    values: Values
    readings: Values
    error: str = ""
    seconds: float = 0.0


def row_of(scenario: Scenario, readings: Values, error: str, seconds: float) -> Row:
    """Row of a scenario."""
    one = scenario
    return Row(
        one.number, one.point, one.realization, one.seed, one.values, readings, error, seconds
    )


class StudyFolder:
    """Folder of a study.

    Parameters
    ----------
    path : str or Path
        The folder, which need not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def table(self) -> Path:
        """File of the table."""
        return self.path / TABLE

    def volume(self, number: int) -> Path:
        """Zarr store of a scenario whose volume is kept."""
        return self.path / VOLUMES / f"{number:06d}.zarr"

    def check(self, model: ExcursionModel, request: StudyRequest, *, resume: bool) -> None:
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
        record = self._record()
        if record is None:
            if any(one.name != _ROWS for one in self._content()):
                raise StoreError(f"{self.path} is not empty; choose another folder")
            return
        if not resume:
            raise StoreError(f"{self.path} holds a study; resume it, or choose another folder")
        wanted = record_of(model, request)
        names = {"model": "another model", "study": "another study", "versions": "other versions"}
        other = [words for key, words in names.items() if record.get(key) != wanted[key]]
        if record.get("format_version") != FORMAT_VERSION:
            other = ["another format"]
        if other:
            raise StoreError(
                f"{self.path} cannot be continued: it belongs to {' and '.join(other)}. "
                "Ask for the same, or choose another folder"
            )

    def begin(self, model: ExcursionModel, request: StudyRequest) -> None:
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
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error.strerror}") from error
        if self._record() is None:
            self._write(self.path / RECORD, record_of(model, request))

    def write(self, row: Row) -> None:
        """Write a row, whole or not at all.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        content = dict(vars(row)) | {"readings": {k: _text(x) for k, x in row.readings.items()}}
        self._write(self._file(row.scenario), content)

    def row(self, number: int) -> Row | None:
        """Row of a scenario; None if there is none.

        Raises
        ------
        StoreError
            If the file is damaged.
        """
        file = self._file(number)
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            readings = {name: float(x) for name, x in content.pop("readings").items()}
            return Row(readings=readings, **content)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{file} is no row of a study; delete it and resume") from error

    def _file(self, number: int) -> Path:
        return self.path / _ROWS / f"{number:06d}.json"

    def _content(self) -> list[Path]:
        return [one for one in self.path.iterdir() if not one.name.endswith(".partial")]

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

    def _write(self, target: Path, content: Mapping[str, Any]) -> None:
        partial = target.with_name(f".{target.name}.partial")
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(json.dumps(content, indent=1, allow_nan=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        except OSError as error:
            raise StoreError(f"{target} cannot be written: {error.strerror}") from error


def record_of(model: ExcursionModel, request: StudyRequest) -> dict[str, Any]:
    """What determines the rows of a study."""
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model": json.loads(dump_model(model)),
        "study": plain_study(request),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def _text(value: float) -> float | str:
    """JSON has neither NaN nor infinity; Python's float reads these words."""
    return value if math.isfinite(value) else str(value)
