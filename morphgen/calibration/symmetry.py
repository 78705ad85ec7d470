"""Which symmetry a model is given: asked for, or found by a test of the sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from morphgen.calibration.isotropy import isotropy_test
from morphgen.calibration.targets import check_alike
from morphgen.errors import InputError
from morphgen.excursion.isotropy import IsotropyTest
from morphgen.fields.kernels import AXES, Axis
from morphgen.images import Section

SYMMETRIES = ("isotropic", "cylindrical", "auto")


@dataclass(frozen=True)
class Symmetry:
    """A symmetry that was chosen.

    Attributes
    ----------
    axis : {"z", "y", "x"} or None
        Axis of a cylindrical model; None for an isotropic one.
    test : IsotropyTest or None
        What the sections say; None where they are too small to say anything.
    warnings : tuple of str
        What the user should know.
    """

    axis: Axis | None
    test: IsotropyTest | None
    warnings: tuple[str, ...] = ()


def choose_symmetry(
    sections: Sequence[Section], symmetry: str = "isotropic", axis: str | None = None
) -> Symmetry:
    """Choose between an isotropic model and one with an axis.

    Parameters
    ----------
    sections : sequence of Section
        Sections of one material.
    symmetry : {"isotropic", "cylindrical", "auto"}
        The symmetry wanted. With ``auto`` an axis is taken only if isotropy is rejected.
    axis : {"z", "y", "x"}, optional
        The axis; by default the direction that differs from the two others.

    Raises
    ------
    InputError
        If the request is contradictory, or the sections do not tell the axis.
    """
    if symmetry not in SYMMETRIES:
        raise InputError(f"symmetry is {symmetry!r}: expected one of {', '.join(SYMMETRIES)}")
    if axis is not None and axis not in AXES:
        raise InputError(f"axis is {axis!r}: expected z, y, x or auto")
    if symmetry == "isotropic":
        if axis is not None:
            raise InputError(
                f"axis is {axis!r}, but an isotropic model has none; add --symmetry cylindrical"
            )
        check_alike(sections)
        test = isotropy_test(sections)
        return Symmetry(None, test, _isotropic_warnings(test))
    test = isotropy_test(sections)
    if symmetry == "auto" and (test is None or not test.rejected):
        check_alike(sections)
        return Symmetry(None, test)
    chosen = cast("Axis | None", axis or (test.axis if test else None))
    if chosen is None:
        raise _unknown_axis(test)
    return Symmetry(chosen, test, _axis_warnings(chosen, test))


def _isotropic_warnings(test: IsotropyTest | None) -> tuple[str, ...]:
    if test is None or not test.rejected:
        return ()
    return (
        f"the sections are not isotropic: {test.verdict}; an isotropic model averages over the "
        "directions; consider --symmetry cylindrical",
    )


def _axis_warnings(axis: Axis, test: IsotropyTest | None) -> tuple[str, ...]:
    found = None if test is None else test.axis
    if test is None or found is None or not test.rejected:
        return ()
    if found != axis:
        return (
            f"the axis is {axis}, but the direction that differs from the others is {found}: "
            f"{test.verdict}",
        )
    if test.alike:
        return ()
    return (
        "the two directions across the axis differ too: no axis describes these sections; "
        f"{test.verdict}",
    )


def _unknown_axis(test: IsotropyTest | None) -> InputError:
    if test is None:
        return InputError("the sections are too small to show the axis; give it, as in --axis z")
    seen = " and ".join(test.directions)
    return InputError(
        f"one plane shows {seen} only, which does not tell the axis ({test.verdict}); give it, as "
        f"in --axis {test.directions[0]}, or add a section of another plane"
    )
