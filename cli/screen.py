"""What a command prints: results on stdout, all else on stderr."""

from __future__ import annotations

import json
import math
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from morphgen.progress import Progress, silent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Live

# work that is done sooner needs no progress bar
PATIENCE = 2.0
# files and pipes have no width of their own
_WIDTH = 110


@dataclass(frozen=True)
class Screen:
    """Where a command prints.

    Parameters
    ----------
    as_json : bool
        Results are JSON; tables and lines for people are left out.
    quiet : bool
        Nothing but errors, and the JSON.
    """

    as_json: bool = False
    quiet: bool = False

    def note(self, text: str) -> None:
        """Tell something by the way, on stderr."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def line(self, text: str = "") -> None:
        """Print a line of the result for people."""
        if not (self.as_json or self.quiet):
            print(text, flush=True)

    def table(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        right: Sequence[int] = (),
    ) -> None:
        """Print a table of the result for people; the columns named in ``right`` flush right."""
        if self.as_json or self.quiet or not rows:
            return
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE, pad_edge=False, collapse_padding=True, header_style="bold")
        for number, head in enumerate(heads):
            table.add_column(head, justify="right" if number in right else "left")
        for row in rows:
            table.add_row(*row)
        _console(stderr=False).print(table)

    def result(self, content: dict[str, Any]) -> None:
        """Print the result as JSON where that is wanted."""
        if self.as_json:
            from morphgen.validation.comparison import plain

            print(json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False))

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Follow work that may take long, with a bar on a terminal."""
        if self.quiet or not sys.stderr.isatty():
            yield silent
            return
        bar = _Bar()
        try:
            yield bar.tell
        finally:
            bar.close()


def trouble(text: str) -> None:
    """Print an error."""
    print(text, file=sys.stderr, flush=True)


def figure(value: float | None, error: float | None = None, digits: int = 3) -> str:
    """Figure with its significant digits and its standard error, if known."""
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "infinite"
    shown = f"{value:.{digits}g}" if error is None else _rounded(value, error)
    return shown if error is None else f"{shown} ± {error:.2g}"


def span(interval: Sequence[float] | None) -> str:
    """Confidence interval as "low to high", to two digits of a standard error; or a dash."""
    if interval is None:
        return "-"
    error = 0.25 * (interval[1] - interval[0])
    return " to ".join(_rounded(end, error) for end in interval)


def within(value: float, interval: Sequence[float] | None, error: float | None = None) -> str:
    """Figure with its confidence interval if known, otherwise with its standard error."""
    if interval is None:
        return figure(value, error)
    return f"{_rounded(value, 0.25 * (interval[1] - interval[0]))} ({span(interval)})"


def _rounded(value: float, error: float) -> str:
    """Value with the decimals of two digits of its error."""
    if not (math.isfinite(error) and error > 0.0):
        return f"{value:.3g}"
    decimals = 1 - math.floor(math.log10(error))
    return f"{value:.{min(max(decimals, 0), 8)}f}"


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH
    # brackets and colons in names of files and phases are no markup
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)


class _Bar:
    """Progress bar that shows itself when the work takes long."""

    def __init__(self) -> None:
        self._state = ("", 0, 0)
        self._live: Live | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(PATIENCE, self._appear)
        self._timer.daemon = True
        self._timer.start()

    def tell(self, stage: str, done: int, total: int) -> None:
        """Move the bar."""
        with self._lock:
            self._state = (stage, done, total)
            self._draw()

    def close(self) -> None:
        """Take the bar away."""
        self._timer.cancel()
        with self._lock:
            self._closed = True
            if self._live is not None:
                self._live.stop()

    def _appear(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with self._lock:
            if not self._closed:
                self._live = Progress(*columns, console=_console(stderr=True), transient=True)
                self._draw()
                self._live.start()

    def _draw(self) -> None:
        if self._live is None:
            return
        stage, done, total = self._state
        known = self._live.tasks[-1] if self._live.tasks else None
        if known is None or known.description != stage:
            if known is not None:
                self._live.remove_task(known.id)
            self._live.add_task(stage, total=None)
        # a stage of one step moves to and fro: nothing is known of how far it is
        self._live.update(
            self._live.tasks[-1].id, completed=done, total=total if total > 1 else None
        )
