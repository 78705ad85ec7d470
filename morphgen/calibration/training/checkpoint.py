"""The state of a training in one file, written whole or not at all, and never executed."""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from morphgen.errors import InputError

_FORMAT = "morphgen-training-1"
# what every state holds, and what it holds besides once a step is done
_ALWAYS = frozenset({"format", "request", "threads"})
_IN_TRAINING = frozenset({"start", "matrix", "unit", "track", "adam", "objective"})
# what torch raises on files that others wrote
_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    pickle.UnpicklingError,
)


@dataclass(frozen=True)
class Checkpoint:
    """File beside a model in which its training is kept while it lasts.

    Parameters
    ----------
    path : Path or None
        The file; None keeps nothing.
    request : str
        Fingerprint of what was asked for.
    """

    path: Path | None
    request: str

    def begin(self, resume: bool) -> dict[str, Any] | None:
        """Return what was kept if it is to be continued; else make room for a new training.

        What a killed training left half written is removed in any case.

        Raises
        ------
        InputError
            As `load`.
        """
        if self.path is None:
            return None
        self._partial(self.path).unlink(missing_ok=True)
        if resume:
            return self.load()
        self.path.unlink(missing_ok=True)
        return None

    def load(self) -> dict[str, Any] | None:
        """Return what was kept; None where nothing was.

        Raises
        ------
        InputError
            If the file is no checkpoint, or one of another request; it is left as it is.
        """
        if self.path is None or not self.path.exists():
            return None
        found = self._read(self.path)
        if found["request"] != self.request:
            raise InputError(
                f"{self.path} belongs to another request (sections, options, device or versions "
                "differ); repeat the first one, or leave out --resume and remove the file"
            )
        return found

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        refused = InputError(f"{path} is no checkpoint; remove it, or leave out --resume")
        # torch would warn about other pickles before it refuses them
        if not zipfile.is_zipfile(path):
            raise refused
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
        except _UNREADABLE as error:
            raise refused from error
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise refused
        needed = _ALWAYS | _IN_TRAINING if "track" in found else _ALWAYS
        if not needed <= found.keys():
            raise refused
        return found

    def save(self, content: dict[str, Any]) -> None:
        """Keep a state of tensors and plain values: ``threads``, and what a training needs.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        if self.path is None:
            return
        partial = self._partial(self.path)
        try:
            with partial.open("wb") as file:
                torch.save({**content, "format": _FORMAT, "request": self.request}, file)
            partial.replace(self.path)
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise InputError(f"{self.path} cannot be written: {reason}") from error
        finally:
            # also after Ctrl-C; what a killed process leaves is removed at the next start
            partial.unlink(missing_ok=True)

    @staticmethod
    def _partial(path: Path) -> Path:
        return path.with_name(f".{path.name}.partial")
