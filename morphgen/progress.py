"""How long work tells its caller where it stands."""

from __future__ import annotations

from collections.abc import Callable

# what is being done, how many steps are done, how many there are
Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
