"""The state of a training in one file, written whole or not at all, and never executed."""

from __future__ import annotations

import os
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from morphgen.errors import InputError

_FORMAT = "morphgen-training-1"


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
                f"{self.path} belongs to another request (sections, options or versions differ); "
                "repeat the first one, or leave out --resume and remove the file"
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
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise refused from error
        if not isinstance(found, dict) or found.get("format") != _FORMAT:
            raise refused
        return found

    def save(self, content: dict[str, Any]) -> None:
        """Keep a state of tensors and plain values."""
        if self.path is None:
            return
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        try:
            torch.save({**content, "format": _FORMAT, "request": self.request}, partial)
            partial.replace(self.path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise InputError(f"{self.path} cannot be written: {error.strerror}") from error

    def remove(self) -> None:
        """Remove the file, if there is one."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
