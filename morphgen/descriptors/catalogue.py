"""All kinds of descriptors: their names, dimensions and needs."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from morphgen.errors import InputError

# Raised by hand with every change of any descriptor's numbers: tests/descriptors/test_revision.py
# tells when. Studies begun with another one are not continued.
DESCRIPTORS_VERSION = 1


@dataclass(frozen=True)
class Kind:
    """What is known of a descriptor before anything is measured.

    Attributes
    ----------
    name : str
        Kind of its keys, such as "mean_geodesic_tortuosity".
    title : str
        What it is called in tables and figures.
    power : int
        Power of length of its values: -1 for an area per volume, 0 for a share.
    argument : str
        What a curve is a function of; empty for a number.
    argument_power : int
        Power of length of the argument: 1 for a lag, 0 for a tortuosity.
    axes : tuple of int
        Numbers of axes of the images that it is defined for.
    sums : bool
        Whether it is a ratio of sums over the voxels, so that it can be taken part by part.
    extra : str
        Extra of the package that its computation needs; empty for none.
    packages : tuple of str
        Packages beside NumPy and SciPy that its numbers come from.
    """

    name: str
    title: str
    power: int = 0
    argument: str = ""
    argument_power: int = 1
    axes: tuple[int, ...] = (2, 3)
    sums: bool = True
    extra: str = ""
    packages: tuple[str, ...] = ()


_CLUSTERS = ("connected-components-3d",)
_SIZES = ("connected-components-3d", "edt")
_PATHS = ("connected-components-3d", "scikit-image")
_FLUXES = ("connected-components-3d", "taufactor", "torch")


def _whole(
    name: str,
    title: str,
    packages: tuple[str, ...],
    power: int = 0,
    argument: str = "",
    argument_power: int = 1,
) -> Kind:
    return Kind(name, title, power, argument, argument_power, (3,), False, "analysis", packages)


_SUMS = (
    Kind("volume_fraction", "volume fraction"),
    Kind("two_point_coverage", "two-point coverage", argument="lag"),
    Kind("covariance", "covariance C_ij - p_i p_j", argument="lag"),
    Kind("interface_area", "interface area per volume", -1),
    Kind("specific_surface_area", "specific surface area", -1),
    Kind("triple_phase_boundary_length", "triple-phase boundary length per volume", -2, axes=(3,)),
    Kind("euler_number", "Euler number per volume", -3, axes=(3,)),
    Kind("section_euler_number", "Euler number per area", -2, axes=(2,)),
    Kind("mean_chord_length", "mean chord length", 1),
    Kind("chord_length_distribution", "chord length distribution", argument="length"),
    Kind("lineal_path", "lineal path function", argument="length"),
)

_WHOLES = (
    _whole("connected_fraction", "share of the largest cluster", _CLUSTERS),
    _whole("cluster_number", "clusters per volume", _CLUSTERS, power=-3),
    _whole("through_connected_fraction", "through-connected share", _CLUSTERS),
    _whole("spherical_contact", "spherical contact distribution", ("edt",), argument="radius"),
    _whole(
        "phase_size_distribution", "continuous phase size distribution", _SIZES, argument="radius"
    ),
    _whole("phase_size_radius", "median radius of the phase size distribution", _SIZES, power=1),
    _whole("intrusion_distribution", "simulated intrusion", _SIZES, argument="radius"),
    _whole("intrusion_radius", "median radius of simulated intrusion", _SIZES, power=1),
    _whole("constrictivity", "constrictivity", _SIZES),
    _whole("mean_geodesic_tortuosity", "mean geodesic tortuosity", _PATHS),
    _whole(
        "geodesic_tortuosity_distribution",
        "geodesic tortuosity distribution",
        _PATHS,
        argument="tortuosity",
        argument_power=0,
    ),
    _whole("effective_diffusivity", "effective diffusivity", _FLUXES),
    _whole("tortuosity_factor", "tortuosity factor", _FLUXES),
    _whole("effective_ionic_conductivity", "effective ionic conductivity", _CLUSTERS),
    _whole("effective_electronic_conductivity", "effective electronic conductivity", _CLUSTERS),
)

KINDS = {kind.name: kind for kind in (*_SUMS, *_WHOLES)}


def known_kind(name: str) -> Kind:
    """Find a kind by its name.

    Raises
    ------
    InputError
        If there is none; it says which names are like this one.
    """
    if name in KINDS:
        return KINDS[name]
    near = difflib.get_close_matches(name, KINDS, n=3)
    advice = "expected one such as volume_fraction; morphgen.descriptors.KINDS has them all"
    if near:
        advice = f"did you mean {' or '.join(near)}?"
    raise InputError(f"descriptor {name!r} is not known; {advice}")
