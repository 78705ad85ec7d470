"""``morphgen info --system``, and what other commands tell of a GPU that does not work."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from .screen import Screen

if TYPE_CHECKING:
    from morphgen.devices import Device, Library


def show_system(screen: Screen) -> None:
    """Print what this machine offers and what ``--backend auto`` would take."""
    from morphgen.tiles.plan import shown_bytes
    from morphgen.tiles.system import system

    found = system()
    own = found.packages[""]
    screen.line(f"morphgen {own['morphgen']}, Python {found.python}, {found.platform}")
    screen.line(
        f"{found.cpus} CPUs ({found.processor}), {shown_bytes(found.memory)} of memory available"
    )
    if found.driver is not None:
        screen.line(found.driver)
    rows = [("numpy", str(own["numpy"]), "cpu")]
    rows += [(one.name, one.version or "-", _devices(one)) for one in found.libraries]
    screen.table(("backend", "version", "computes on"), rows)
    screen.line(
        f"--backend auto takes {found.chosen.name} on {found.chosen.device}: {found.reason}"
    )
    screen.table(
        ("extra", "packages"),
        [
            (
                extra or "(always)",
                ", ".join(f"{name} {version or 'missing'}" for name, version in versions.items()),
            )
            for extra, versions in found.packages.items()
        ],
    )
    screen.result({"kind": "system", **asdict(found)})


def _devices(library: Library) -> str:
    if library.version is None:
        extra = {"torch": "calibrate", "cupy": "cuda"}[library.name]
        return f'is not installed: pip install "morphgen[{extra}]"'
    names = [f"{one.name} ({one.model}, {_room(one)})" for one in library.devices]
    if library.name == "torch":
        names[:0] = {True: ["cpu"], False: [], None: ["cpu (not tried)"]}[library.loads]
    word = "but" if library.devices else "no CUDA:"
    trouble = [] if library.trouble is None else [f"{word} {library.trouble}"]
    return "; ".join([*names, *trouble])


def _room(device: Device) -> str:
    from morphgen.tiles.plan import shown_bytes

    total = shown_bytes(device.memory)
    return total if device.free is None else f"{shown_bytes(device.free)} of {total} free"


def tell_broken_cuda(screen: Screen) -> None:
    """One line on stderr where a driver is loaded and yet no library computes with it."""
    from morphgen.devices import broken_cuda

    trouble = broken_cuda()
    if trouble is not None:
        screen.note(trouble)
