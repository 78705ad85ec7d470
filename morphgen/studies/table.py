"""The table of a study: one row for each scenario, in a Parquet file."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morphgen.errors import GenerationError, InputError
from morphgen.studies.rows import Row

Floats = NDArray[np.float64]
# float64, and int64 or uint64 where all are integers
Numbers = NDArray[Any]

_NUMBERS = ("scenario", "point", "realization", "seed", "feature_voxels")
# what the names of columns along an axis end with, after a dot
AXES = ("z", "y", "x")


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers of a study.

    Attributes
    ----------
    columns : dict of str to array of float64, int64 or uint64, shape (N,)
        ``scenario``, ``point``, ``realization``, ``seed``, ``feature_voxels`` (the mean run in
        voxels of the field and along the axis where it is shortest), what was varied
        (``set. ...``), and what was measured, such as ``mean_geodesic_tortuosity.pore.z``; NaN
        where it is not known.
    errors : tuple of str
        Why a scenario has no numbers; empty for the others.
    """

    columns: dict[str, Numbers]
    errors: tuple[str, ...]

    @property
    def varied(self) -> tuple[str, ...]:
        """Columns of what was varied."""
        return tuple(name for name in self.columns if name.startswith("set."))

    @property
    def measured(self) -> tuple[str, ...]:
        """Columns of what was measured, those along several axes once and without their axis."""
        others = {*_NUMBERS, *self.varied}
        found = [
            _without_axis(name)
            for name, values in self.columns.items()
            if name not in others and np.isfinite(values).any()
        ]
        return tuple(dict.fromkeys(found))

    def column(self, name: str) -> Numbers:
        """Column by its name.

        Raises
        ------
        InputError
            If there is none.
        """
        if name not in self.columns:
            raise InputError(f"the table has no column {name!r}; it has {', '.join(self.columns)}")
        return self.columns[name]


def _without_axis(name: str) -> str:
    stem, _, end = name.rpartition(".")
    return stem if stem and end in AXES else name


def require_parquet() -> Any:
    """Find pyarrow's module for Parquet files.

    Raises
    ------
    InputError
        If pyarrow is not installed.
    """
    try:
        return importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise InputError('tables need pyarrow: pip install "morphgen[studies]"') from error


def write_table(rows: Sequence[Row], path: Path) -> None:
    """Write the rows of all scenarios, whole or not at all; the same rows give the same bytes.

    Raises
    ------
    GenerationError
        If the file cannot be written.
    InputError
        If pyarrow is not installed.
    """
    parquet = require_parquet()
    arrow = importlib.import_module("pyarrow")
    names = {
        "values": list(dict.fromkeys(name for row in rows for name in row.values)),
        "readings": list(dict.fromkeys(name for row in rows for name in row.readings)),
    }
    columns = {name: _column(arrow, [getattr(row, name) for row in rows]) for name in _NUMBERS}
    for kind, found in names.items():
        for name in found:
            columns[name] = _column(arrow, [getattr(row, kind).get(name) for row in rows])
    columns["error"] = arrow.array([row.error for row in rows], arrow.string())
    partial = path.with_name(f".{path.name}.partial")
    try:
        parquet.write_table(arrow.table(columns), partial, compression="zstd")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise GenerationError(f"{path} cannot be written: {error}") from error


def read_table(path: str | Path) -> Table:
    """Read the table of a study: a Parquet file, or the folder that holds it.

    Raises
    ------
    InputError
        If it cannot be read, or pyarrow is not installed.
    """
    source = Path(path)
    source = source / "study.parquet" if source.is_dir() else source
    parquet = require_parquet()
    try:
        found = parquet.read_table(source)
    except FileNotFoundError as error:
        raise InputError(f"{source} does not exist; finish the study first") from error
    # pyarrow's errors are children of ValueError and OSError
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{source} cannot be read: {reason}") from error
    types = importlib.import_module("pyarrow.types")
    columns = {
        name: _numbers(found[name].to_pylist())
        for name, kind in zip(found.column_names, found.schema.types, strict=True)
        if types.is_integer(kind) or types.is_floating(kind)
    }
    errors = found["error"].to_pylist() if "error" in found.column_names else [""] * len(found)
    return Table(columns, tuple(one or "" for one in errors))


def _column(arrow: Any, values: Sequence[int | float | None]) -> Any:
    return arrow.array(values, getattr(arrow, _type(values))())


def _numbers(values: Sequence[int | float | None]) -> Numbers:
    known = [np.nan if one is None else one for one in values]
    return np.array(known, _type(values))


def _type(values: Sequence[int | float | None]) -> str:
    """Type of a column: seeds have up to 64 bits, which a float has not."""
    whole = [one for one in values if isinstance(one, int)]
    if not whole or len(whole) < len(values):
        return "float64"
    return "int64" if max(whole) < 2**63 else "uint64"
