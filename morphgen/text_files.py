"""Text files that somebody else wrote, read in bounded memory."""

from __future__ import annotations

import os
from pathlib import Path

from morphgen.errors import InputError, MorphgenError


def read_text(
    path: str | os.PathLike[str],
    kind: str,
    largest: int,
    refusal: type[MorphgenError] = InputError,
) -> str:
    """Read a file of UTF-8 text.

    Parameters
    ----------
    path : path
        The file.
    kind : str
        What it should be, for messages.
    largest : int
        Bytes that no such file exceeds.
    refusal : type
        Error that is raised.

    Raises
    ------
    MorphgenError
        Of the given type, if the file cannot be read, is larger, or is no UTF-8 text.
    """
    source = Path(path)
    try:
        if source.stat().st_size > largest:
            raise refusal(f"{source} is larger than any {kind} ({largest} bytes)")
        return source.read_text(encoding="utf-8")
    except OSError as error:
        raise refusal(f"{source} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise refusal(f"{source} is no {kind}: it is not UTF-8 text") from error
