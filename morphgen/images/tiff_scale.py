"""The pixel size that a TIFF file states: OME, ImageJ, or the resolution tags."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import tifffile

from morphgen.images.lengths import MICROMETRES, convert
from morphgen.images.pixels import Scale
from morphgen.images.scale import from_print_resolution

# what the two programs call a unit beyond morphgen's own names: unit, factor
_ALIASES = {
    "µm": ("um", 1.0),
    "μm": ("um", 1.0),
    "micron": ("um", 1.0),
    "microns": ("um", 1.0),
    "micrometer": ("um", 1.0),
    "pm": ("nm", 1e-3),
    "Å": ("nm", 0.1),
}
_NO_UNIT = {"", "pixel", "pixels", "reference frame"}
# micrometres in the unit of the resolution tags; 4 and 5 are private but in use
_TAG_UNITS = {2: 25400.0, 3: 1e4, 4: 1e3, 5: 1.0}


def stated_scale(file: tifffile.TiffFile) -> Scale | None:
    """Read the pixel size from the most specific of OME, ImageJ and resolution tags."""
    page = file.pages.first
    if not isinstance(page, tifffile.TiffPage):
        return None
    if file.is_ome and file.ome_metadata:
        return _ome(file.ome_metadata)
    imagej = file.imagej_metadata
    if imagej and str(imagej.get("unit", "")) not in {"", "inch"}:
        return _imagej(imagej, page)
    return _tags(page)


def _ome(xml: str) -> Scale | None:
    # tifffile has parsed this text with the same parser, whose expat bounds entity expansion
    pixels = ET.fromstring(xml).find(".//{*}Pixels")  # noqa: S314
    if pixels is None:
        return None
    sizes: dict[str, tuple[float, str]] = {}
    for axis in "XYZ":
        value = pixels.get(f"PhysicalSize{axis}")
        unit = pixels.get(f"PhysicalSize{axis}Unit", "µm")
        if value is not None and unit not in _NO_UNIT:
            sizes[axis] = _known(float(value), unit)
    if not {"X", "Y"} <= set(sizes):
        return None
    unit = sizes["X"][1]
    if {own for _, own in sizes.values()} <= set(MICROMETRES):
        sizes = {axis: (convert(*size, unit), unit) for axis, size in sizes.items()}
    same = {axis: value for axis, (value, own) in sizes.items() if own == unit}
    if "Y" not in same:
        return None
    return Scale(same["Y"], same["X"], unit, "OME PhysicalSize", same.get("Z"))


def _imagej(metadata: dict[str, Any], page: tifffile.TiffPage) -> Scale | None:
    # ImageJ writes letters beyond ASCII as escapes
    unit = str(metadata["unit"]).replace("\\u00B5", "µ")
    spacings = _spacings(page)
    if unit in _NO_UNIT or spacings is None:
        return None
    (rows, unit_known), (columns, _) = (_known(spacing, unit) for spacing in spacings)
    slices = metadata.get("spacing")
    depth = None if slices is None else _known(float(slices), unit)[0]
    return Scale(rows, columns, unit_known, "ImageJ metadata", depth)


def _tags(page: tifffile.TiffPage) -> Scale | None:
    unit = page.tags.get("ResolutionUnit")
    # the TIFF specification makes the inch the unit of a file that names none
    factor = _TAG_UNITS.get(2 if unit is None else int(unit.value))
    spacings = _spacings(page)
    if factor is None or spacings is None:
        return None
    rows, columns = spacings
    return from_print_resolution(rows * factor, columns * factor, "TIFF resolution")


def _spacings(page: tifffile.TiffPage) -> tuple[float, float] | None:
    """Distance of rows and of columns, from pixels per unit stored as fractions."""
    tags = [page.tags.get(name) for name in ("YResolution", "XResolution")]
    fractions = [tuple(tag.value) for tag in tags if tag is not None]
    if len(fractions) != 2 or not all(number > 0 for pair in fractions for number in pair):
        return None
    (y, per_y), (x, per_x) = fractions
    return per_y / y, per_x / x


def _known(value: float, unit: str) -> tuple[float, str]:
    name, factor = _ALIASES.get(unit, (unit, 1.0))
    return value * factor, name
