"""Profiles as TOML files, and as plain values in a store."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from morphgen.errors import InputError
from morphgen.excursion.graded import GradedModel
from morphgen.excursion.model import ExcursionModel
from morphgen.excursion.profile import Profile
from morphgen.text_files import read_text

# unit of positions that are shares of the volume's length
SHARE = "share"

_KEYS = {"axis", "positions", "unit", "between", "fractions"}
_LARGEST_FILE = 1_000_000


def load_profile(path: str | Path, model: ExcursionModel) -> Profile:
    """Read a profile file.

    Parameters
    ----------
    path : str or Path
        A TOML file with ``axis``, ``positions``, ``unit``, a table ``fractions`` and, optionally,
        ``between``; see `Profile`. The unit is that of the model, or ``share`` for shares of a
        volume's length. Phases are named by their names or labels.
    model : ExcursionModel
        The model, for its phases and its unit.

    Returns
    -------
    Profile

    Raises
    ------
    InputError
        If the file is missing or no profile of the model's phases.
    """
    source = Path(path)
    try:
        content = tomllib.loads(read_text(source, "profile", _LARGEST_FILE))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{source} is no TOML: {error}") from error
    try:
        found = _profile(content, model)
        # refuses fractions that the model cannot have
        GradedModel(model, found.in_volume(1.0))
    except InputError as error:
        raise InputError(f"{source}: {error}") from error
    return found


def profile_record(profile: Profile) -> dict[str, Any]:
    """Profile as plain values, for JSON."""
    return {
        "axis": profile.axis,
        "positions": list(profile.positions),
        "fractions": {str(label): list(values) for label, values in profile.fractions.items()},
        "between": profile.between,
    }


def parse_profile(record: Mapping[str, Any]) -> Profile:
    """Profile from the plain values of `profile_record`; InputError if they are none."""
    fractions = {int(label): values for label, values in record["fractions"].items()}
    return Profile(record["axis"], record["positions"], fractions, record["between"])


def _profile(content: dict[str, Any], model: ExcursionModel) -> Profile:
    missing = sorted(_KEYS - {"between"} - set(content))
    if missing:
        raise InputError(f"the key {missing[0]!r} is missing")
    unknown = sorted(set(content) - _KEYS)
    if unknown:
        raise InputError(f"the key {unknown[0]!r} is unknown; expected {', '.join(sorted(_KEYS))}")
    unit, named = content["unit"], content["fractions"]
    if unit not in (SHARE, model.unit):
        raise InputError(
            f"unit is {unit!r}: expected that of the model, {model.unit!r}, or 'share'"
        )
    if not isinstance(named, dict):
        raise InputError("fractions: expected a table of phases, such as pore = [0.5, 0.3]")
    fractions: dict[int, Any] = {}
    for name, values in named.items():
        label = _label(name, model)
        if label in fractions:
            raise InputError(f"fractions name label {label} twice")
        fractions[label] = values
    between = content.get("between", "linear")
    return Profile(content["axis"], content["positions"], fractions, between, unit == SHARE)


def _label(name: str, model: ExcursionModel) -> int:
    for phase in model.phases:
        if name in (phase.name, str(phase.label)):
            return phase.label
    known = ", ".join(f"{phase.label} = {phase.name}" for phase in model.phases)
    raise InputError(f"fractions name {name!r}, which is no phase; expected one of {known}")
