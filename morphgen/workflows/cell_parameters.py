"""What a cell model wants to know of a porous component, from its descriptors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from morphgen.descriptors import Description
from morphgen.errors import InputError
from morphgen.images.lengths import VOXEL, convert
from morphgen.phases import Phase

SEPARATOR = "separator"
COMPONENTS = ("negative", "positive", SEPARATOR)


@dataclass(frozen=True)
class Measured:
    """A number with its standard error, if that is known.

    Attributes
    ----------
    value : float
        The number.
    standard_error : float, optional
        From the scatter of sub-volumes.
    """

    value: float
    standard_error: float | None = None


@dataclass(frozen=True)
class CellParameters:
    """Homogenized parameters of an electrode or of a separator, in SI units.

    Attributes
    ----------
    component : str
        "negative", "positive" or "separator".
    origin : str
        Which volume, axis and phases they were measured on, in words.
    porosity : Measured
        Volume fraction of the electrolyte: of the phase that carries ions, also where it is solid.
    transport_efficiency : Measured
        Effective over own diffusivity of the electrolyte along the axis; that is porosity over
        tortuosity factor, and the inverse of the MacMullin number.
    active_fraction : Measured, optional
        Volume fraction of the active material; None for a separator.
    surface_area : Measured, optional
        Area of the interface of active material and electrolyte per volume of the electrode, in
        1/m; None for a separator.
    conductivity : Measured, optional
        Effective electronic conductivity along the axis, in S/m; None if it was not measured.
    """

    component: str
    origin: str
    porosity: Measured
    transport_efficiency: Measured
    active_fraction: Measured | None = None
    surface_area: Measured | None = None
    conductivity: Measured | None = None

    @property
    def bruggeman_exponent(self) -> float:
        """Exponent b of transport efficiency = porosity^b; NaN where the porosity is 1."""
        if self.porosity.value == 1.0:
            return math.nan
        return math.log(self.transport_efficiency.value) / math.log(self.porosity.value)

    @property
    def particle_radius(self) -> float | None:
        """Radius in m of the balls that have the active material's fraction and surface area.

        R = 3 (volume fraction) / (surface area per volume); None for a separator.
        """
        if self.active_fraction is None or self.surface_area is None:
            return None
        return 3.0 * self.active_fraction.value / self.surface_area.value

    def bpx(self) -> dict[str, Measured]:
        """Fields of a component in BPX, by their names there.

        References
        ----------
        BPX standard 1.1, https://bpxstandard.com.
        """
        fields = {"Porosity": self.porosity, "Transport efficiency": self.transport_efficiency}
        if self.surface_area is not None:
            fields["Surface area per unit volume [m-1]"] = self.surface_area
        if self.conductivity is not None:
            fields["Conductivity [S.m-1]"] = self.conductivity
        return fields

    def pybamm(self) -> dict[str, float]:
        """Parameters of PyBaMM, by their names there.

        PyBaMM has no parameter for the surface area: it is 3 (active fraction) / R, which is why
        the particle radius is among them. The conductivity is effective already, hence an exponent
        of 0.
        """
        place = self.component.capitalize()
        name = place if self.component == SEPARATOR else f"{place} electrode"
        found = {
            f"{name} porosity": self.porosity.value,
            f"{name} Bruggeman coefficient (electrolyte)": self.bruggeman_exponent,
        }
        if self.porosity.value == 1.0:
            # any exponent gives an efficiency of 1
            found[f"{name} Bruggeman coefficient (electrolyte)"] = 1.0
        if self.active_fraction is not None and self.particle_radius is not None:
            found[f"{name} active material volume fraction"] = self.active_fraction.value
            found[f"{place} particle radius [m]"] = self.particle_radius
        if self.conductivity is not None:
            found[f"{name} conductivity [S.m-1]"] = self.conductivity.value
            found[f"{name} Bruggeman coefficient (electrode)"] = 0.0
        return found


def cell_parameters(
    found: Description,
    component: str,
    *,
    electrolyte: str,
    active: str | None = None,
    axis: str = "z",
) -> CellParameters:
    """Take the parameters of a component of a cell from the description of a volume.

    Parameters
    ----------
    found : Description
        Description of a volume, with its volume fractions, interface areas and effective
        diffusivities; with the effective electronic conductivity, in S/m, where that is wanted.
    component : str
        "negative", "positive" or "separator".
    electrolyte : str
        Name of the phase that carries the ions: the pore that liquid fills, or a solid
        electrolyte.
    active : str, optional
        Name of the active material; of an electrode only.
    axis : str
        Axis across the electrode, from one collector to the other: "z", "y" or "x".

    Returns
    -------
    CellParameters

    Raises
    ------
    InputError
        If a name is not known, a descriptor was not measured or has no value, the phases do not
        conduct along the axis or do not touch, or the surface of an electrode is not known in
        metres.
    """
    roles = Roles(component, electrolyte, active, axis)
    ions, grains = roles.phases(found.source, found.phases, found.unit)
    if axis not in found.axes or len(found.shape) != 3:
        raise InputError(f"{found.source} is a section of axes {found.axes}; describe a volume")
    porosity = _positive(found, "volume_fraction", ions)
    efficiency = _conducting(found, ions, axis)
    origin = f"{found.source}, along {axis}, electrolyte: {ions.name}"
    if grains is None:
        return CellParameters(component, origin, porosity, efficiency)
    return CellParameters(
        component,
        f"{origin}, active material: {grains.name}",
        porosity,
        efficiency,
        active_fraction=_positive(found, "volume_fraction", grains),
        surface_area=_surface(found, ions, grains),
        conductivity=_electrons(found, axis),
    )


@dataclass(frozen=True)
class Roles:
    """Which component of a cell a volume is, and what its phases are in it.

    Attributes
    ----------
    component, electrolyte, active, axis
        As for `cell_parameters`.
    """

    component: str
    electrolyte: str
    active: str | None = None
    axis: str = "z"

    def __post_init__(self) -> None:
        if self.component not in COMPONENTS:
            raise InputError(f"component is {self.component!r}; expected {', '.join(COMPONENTS)}")
        if self.axis not in ("z", "y", "x"):
            raise InputError(f"axis is {self.axis!r}; expected z, y or x")
        if self.component == SEPARATOR and self.active is not None:
            raise InputError(f"a separator has no active material; leave out {self.active!r}")
        if self.active == self.electrolyte:
            raise InputError(
                f"{self.active!r} is both electrolyte and active material; name two phases"
            )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Descriptors that must be measured, but for the electronic conductivity."""
        surface = () if self.component == SEPARATOR else ("interface_area",)
        return ("volume_fraction", "effective_diffusivity", *surface)

    def phases(self, source: str, known: Sequence[Phase], unit: str) -> tuple[Phase, Phase | None]:
        """Phases of the electrolyte and of the active material.

        Raises
        ------
        InputError
            If a phase is not known or not named, or an electrode has lengths in voxels.
        """
        names = ", ".join(phase.name for phase in known)
        by_name = {phase.name: phase for phase in known}
        for name, role in ((self.electrolyte, "electrolyte"), (self.active, "active material")):
            if name is not None and name not in by_name:
                raise InputError(f"the {role} {name!r} is no phase of {source}; expected {names}")
        ions = by_name[self.electrolyte]
        if self.component == SEPARATOR:
            return ions, None
        if self.active is None:
            raise InputError(
                f"the {self.component} electrode wants its active material; name one of {names}"
            )
        if unit == VOXEL:
            raise InputError(
                f"{source} has lengths in voxels, but an area per volume in 1/m needs the size of "
                "a voxel: calibrate, or describe, with --voxel-size"
            )
        return ions, by_name[self.active]


def _conducting(found: Description, ions: Phase, axis: str) -> Measured:
    efficiency = _measured(found, "effective_diffusivity", (ions.label,), axis)
    if efficiency.value <= 0.0:
        raise InputError(
            f"{ions.name!r} does not join the two faces along {axis}: its transport efficiency is "
            "0, which no cell model takes; choose another axis, or a larger volume"
        )
    return efficiency


def _surface(found: Description, ions: Phase, grains: Phase) -> Measured:
    first, second = sorted((ions.label, grains.label))
    area = _measured(found, "interface_area", (first, second))
    if area.value <= 0.0:
        raise InputError(f"{ions.name!r} and {grains.name!r} do not touch; is that their names?")
    per_metre = 1.0 / convert(1.0, found.unit, "m")
    error = None if area.standard_error is None else area.standard_error * per_metre
    return Measured(area.value * per_metre, error)


def _electrons(found: Description, axis: str) -> Measured | None:
    """Effective electronic conductivity, if it was measured."""
    kind = "effective_electronic_conductivity"
    keys = [one.key for one in found.readings if one.key.kind == kind]
    if not keys:
        return None
    value = _measured(found, kind, keys[0].phases, axis)
    if value.value <= 0.0:
        raise InputError(
            f"the phases that conduct electrons do not join the two faces along {axis}: the "
            "conductivity is 0, which no cell model takes; choose another axis, or leave it out"
        )
    return value


def _positive(found: Description, kind: str, phase: Phase) -> Measured:
    value = _measured(found, kind, (phase.label,))
    if value.value <= 0.0:
        raise InputError(f"{found.source} holds no voxel of {phase.name!r}; name another phase")
    return value


def _measured(
    found: Description, kind: str, phases: tuple[int, ...], direction: str = ""
) -> Measured:
    try:
        one = found.reading(kind, phases, direction)
    except KeyError as error:
        why = found.left_out.get(kind, "it was not asked for")
        raise InputError(f"{found.source} lacks {kind}: {why}; describe it again") from error
    value = float(one.values[0])
    if not math.isfinite(value):
        raise InputError(f"{kind} of {found.source} has no value; describe a larger volume")
    scatter = None if one.standard_error is None else float(one.standard_error[0])
    return Measured(value, scatter)
