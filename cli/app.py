"""The command line: its commands, and what becomes of their errors."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

from .codes import FAILED, INTERRUPTED, WRONG

try:
    import typer

    from morphgen.errors import InputError, MorphgenError

    from .calibrate import calibrate
    from .demo import demo
    from .describe import describe
    from .export import export
    from .generate import generate
    from .info import info
    from .options import example
    from .reduce import reduce
    from .regress import regress
    from .screen import trouble
    from .show import show
    from .study import study
    from .validate import validate
except KeyboardInterrupt:
    # the imports take a tenth of a second, and Ctrl-C in it is no error to trace
    sys.exit(INTERRUPTED)

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

# Plain help: rich takes three times as long to print it.
app = typer.Typer(
    name="morphgen",
    context_settings=_CONTEXT,
    epilog=example("morphgen demo"),
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"morphgen {version('morphgen')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_version, help="Print the version."),
    ] = False,
) -> None:
    """Grow three-dimensional microstructures from two-dimensional images."""
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(WRONG)


app.command(
    epilog=example("morphgen demo --out demo"),
)(demo)
app.command(
    epilog=example(
        'morphgen calibrate xy.tif --phases "0=pore,1=solid" --voxel-size 0.065um --out model.json'
    ),
)(calibrate)
app.command(
    epilog=example("morphgen generate model.json volume.zarr --shape 512 512 512 --seed 7"),
)(generate)
app.command(
    epilog=example("morphgen describe section.tif --voxel-size 0.065um --out descriptors.json"),
)(describe)
app.command(
    epilog=example(
        "morphgen export volume.zarr volume.vti",
        "morphgen export cathode.zarr cathode.json --component positive \\",
        '    --electrolyte pore --active "active material"',
    ),
)(export)
app.command(
    epilog=example("morphgen show volume.zarr --out pictures"),
)(show)
app.command(
    epilog=example("morphgen validate model.json other.tif --out report.html"),
)(validate)
app.command(
    epilog=example("morphgen study model.json study.toml --out study"),
)(study)
app.command(
    epilog=example("morphgen regress study --out regressions"),
)(regress)
app.command(
    epilog=example("morphgen reduce model.json xy.tif --out low.json"),
)(reduce)
app.command(
    epilog=example("morphgen info model.json"),
)(info)


def run(arguments: Sequence[str]) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str
        What stands after ``morphgen``.

    Returns
    -------
    int
        Exit code: 0 done; 1 the work failed, or validation did not pass; 2 the request or its
        input was wrong; 75 interrupted and resumable; 130 interrupted.
    """
    try:
        code = app(args=list(arguments), prog_name="morphgen", standalone_mode=False)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a user is told in one line, whatever it is
        if "--debug" in arguments:
            traceback.print_exception(error)
        return _explain(error, arguments)
    if code == INTERRUPTED:
        trouble("interrupted")
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command that this process was started with, and exit."""
    for stream in (sys.stdout, sys.stderr):
        # letters that the terminal lacks must not end the work
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def _explain(error: Exception, arguments: Sequence[str]) -> int:
    """Print an error in one or two lines; returns the exit code."""
    if isinstance(error, MorphgenError):
        trouble(f"error: {error}")
        return WRONG if isinstance(error, InputError) else FAILED
    # typer's errors in a request; before 0.2x their base class had no public name
    if hasattr(error, "format_message"):
        names = {one.callback.__name__ for one in app.registered_commands if one.callback}
        asked = arguments[0] if arguments and arguments[0] in names else ""
        command = f"morphgen {asked}".strip()
        trouble(f"error: {_one_line(error.format_message())}\n`{command} --help` shows the options")
        return WRONG
    trouble(f"error: {type(error).__name__}: {_one_line(error)}; run again with --debug")
    return FAILED


def _one_line(text: object) -> str:
    return " ".join(str(text).split())[:500] or "no message"
