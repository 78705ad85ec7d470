"""From values and colours to phases and labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from morphgen.errors import ImageError, InputError
from morphgen.images.pixels import Mask, Pixels
from morphgen.images.section import Labels
from morphgen.images.values import Counts, check_segmented, listed, shown
from morphgen.phases import MAX_LABEL, OUTSIDE, Phase

OUTSIDE_NAME = "outside"

# what becomes of a phase that is named and not in the image
Absent = Literal["refuse", "allow"]
PhaseSpec = str | Mapping[int, str] | Mapping[str, str] | Mapping[int | str, str]

_VALUE = re.compile(r"[-+]?[0-9]{1,20}")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class PhaseKeys:
    """What the user names: a value or colour (0xrrggbb) and the phase it belongs to, in order."""

    names: Mapping[int, str]
    colors: bool

    def order(self) -> list[str]:
        """Names of the phases, each once, in the order in which they are given."""
        return [name for name in dict.fromkeys(self.names.values()) if name != OUTSIDE_NAME]


def parse_phases(spec: PhaseSpec) -> PhaseKeys:
    """Read what the user says about phases.

    Parameters
    ----------
    spec : str or mapping
        ``"0=pore,1=active material"`` or ``{0: "pore", 1: "active material"}``. Keys are values,
        or colours as ``#rrggbb``, not both. Keys with the same name are one phase; the name
        ``outside`` marks pixels that are not specimen.

    Raises
    ------
    InputError
        An entry cannot be read, a key comes twice, or values and colours are mixed.
    """
    entries = _entries(spec)
    names: dict[int, str] = {}
    for key, name in entries:
        value = _key(key)
        if value in names:
            raise InputError(f"phases: {key} is given twice; give every value one phase")
        names[value] = Phase(0, name).name
    colored = {str(key).startswith("#") for key, _ in entries}
    if len(colored) != 1:
        raise InputError("phases: name either values such as 0 or colours such as #e69f00 (no mix)")
    keys = PhaseKeys(names, colored.pop())
    if len(keys.order()) < 2:
        raise InputError(f"phases {spec!r} name fewer than two phases; expected '0=pore,1=solid'")
    return keys


def paint_palette(pixels: Pixels, keys: PhaseKeys | None) -> Pixels:
    """Bring values to the kind of the keys: indices or grey values to colours where they ask so."""
    if keys is None or not keys.colors or pixels.colored:
        return pixels
    palette = pixels.palette
    if palette is None and pixels.values.dtype == np.uint8 and not pixels.bilevel:
        palette = np.arange(256) * 0x010101
    if palette is None:
        raise ImageError(
            f"{pixels.source}: phases are given as colours, but the image holds numbers of type "
            f"{pixels.values.dtype}; give values such as 0=pore"
        )
    lut = np.zeros(max(256, palette.size), dtype=np.uint32)
    lut[: palette.size] = palette
    return replace(pixels, values=lut[pixels.values], colored=True, palette=None)


def phases_of(
    pixels: Pixels, counts: Counts, keys: PhaseKeys | None, absent: Absent = "refuse"
) -> tuple[dict[int, Phase | None], tuple[Phase, ...]]:
    """Assign a phase to every value of the image, None to those that mark the outside.

    Parameters
    ----------
    pixels : Pixels
        The image.
    counts : mapping of int to int
        Its values inside the specimen and how often they occur.
    keys : PhaseKeys, optional
        What the user named.
    absent : {"refuse", "allow"}
        Whether the image may lack phases that are named.

    Returns
    -------
    tuple of dict and tuple
        Phase of every value, and all phases by rising label.

    Raises
    ------
    ImageError
        The image is not segmented, needs phases named, or does not agree with those named.
    """
    if keys is None:
        check_segmented(pixels, counts, named=0)
        found = _unnamed(pixels, counts)
        return dict(found), tuple(found.values())
    check_segmented(pixels, counts, named=len(set(counts) & set(keys.names)))
    _check_agreement(pixels, counts, keys)
    if absent == "refuse":
        _check_presence(pixels, counts, keys)
    kept = not pixels.colored and all(
        0 <= value <= MAX_LABEL for value, name in keys.names.items() if name != OUTSIDE_NAME
    )
    phases: dict[str, Phase] = {}
    for number, name in enumerate(keys.order()):
        first = next(value for value, own in keys.names.items() if own == name)
        phases[name] = Phase(first if kept else number, name, _color(pixels, first))
    ordered = sorted(phases.values(), key=lambda phase: phase.label)
    return {value: phases.get(keys.names[value]) for value in counts}, tuple(ordered)


def to_labels(pixels: Pixels, phases: Mapping[int, Phase | None], inside: Mask | None) -> Labels:
    """Turn values into labels, 255 outside; a new, write-protected array."""
    values = np.array(sorted(phases), dtype=pixels.values.dtype)
    chosen = [phases[int(value)] for value in values]
    numbers = np.array([OUTSIDE if p is None else p.label for p in chosen], dtype=np.uint8)
    labels = np.empty(pixels.values.shape, dtype=np.uint8)
    for page, target in zip(pixels.values, labels, strict=True):
        # row by row, because searchsorted answers in eight bytes a pixel
        for row, into in zip(page, target, strict=True):
            into[:] = numbers[np.minimum(np.searchsorted(values, row), len(values) - 1)]
    if inside is not None:
        labels[~inside] = OUTSIDE
    labels.flags.writeable = False
    return labels


def _entries(spec: PhaseSpec) -> list[tuple[int | str, str]]:
    if isinstance(spec, Mapping):
        return list(spec.items())
    entries: list[tuple[int | str, str]] = []
    for entry in spec.split(","):
        key, equals, name = entry.partition("=")
        if not equals or not name.strip():
            raise InputError(
                f"phases: cannot read {entry.strip()!r} in {spec!r}; "
                "expected value=name, such as '0=pore,1=solid'"
            )
        entries.append((key.strip(), name.strip()))
    return entries


def _key(key: object) -> int:
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        return int(key)
    if isinstance(key, str) and _VALUE.fullmatch(key):
        return int(key)
    if isinstance(key, str) and _COLOR.fullmatch(key):
        return int(key[1:], 16)
    raise InputError(f"phases: {key!r} is neither an integer value nor a colour such as '#e69f00'")


def _unnamed(pixels: Pixels, counts: Counts) -> dict[int, Phase]:
    if pixels.colored or pixels.bilevel or not all(0 <= value <= MAX_LABEL for value in counts):
        why = "the colours" if pixels.colored else "the values"
        letters = (f"phase {chr(ord('A') + i)}" for i in range(len(counts)))
        pairs = zip(counts, letters, strict=True)
        example = ",".join(f"{shown(pixels, value)}={name}" for value, name in pairs)
        raise ImageError(
            f"{pixels.source}: {why} {listed(pixels, counts)} do not say which phase they are; "
            f'give phases "{example}" with your names, in the order of the labels'
        )
    return {value: Phase(value, f"phase {value}", _color(pixels, value)) for value in counts}


def _color(pixels: Pixels, value: int) -> str | None:
    if pixels.colored:
        return f"#{value:06x}"
    if pixels.palette is not None and 0 <= value < pixels.palette.size:
        return f"#{pixels.palette[value]:06x}"
    return None


def _check_agreement(pixels: Pixels, counts: Counts, keys: PhaseKeys) -> None:
    if pixels.colored and not keys.colors:
        raise ImageError(
            f"{pixels.source}: a colour image, so phases need colours for keys; it holds "
            f"{listed(pixels, counts)}"
        )
    unnamed = [value for value in counts if value not in keys.names]
    if unnamed:
        found = ", ".join(shown(pixels, value) for value in unnamed)
        first = shown(pixels, unnamed[0])
        raise ImageError(
            f"{pixels.source}: no phase is given for {found}; the image holds "
            f"{listed(pixels, counts)}: name each in phases, as {first}=name, or as "
            f"{first}={OUTSIDE_NAME} where it is not specimen"
        )


def _check_presence(pixels: Pixels, counts: Counts, keys: PhaseKeys) -> None:
    present = {keys.names[value] for value in counts}
    for name in keys.order():
        if name not in present:
            values = [shown(pixels, v) for v, own in keys.names.items() if own == name]
            raise ImageError(
                f"{pixels.source}: phase {name!r} ({', '.join(values)}) is not in the image, which "
                f"holds {listed(pixels, counts)}; leave it out or correct its value"
            )
