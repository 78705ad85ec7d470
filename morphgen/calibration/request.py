"""What a calibration is asked for, apart from its sections; and when two requests are one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

from morphgen.calibration.minimize import check_evaluations
from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.training.options import TrainingOptions
from morphgen.errors import InputError
from morphgen.images import Section

METHODS = ("coverage", "adversarial", "combined")
ESTIMATORS = ("closed", "sampled")
DEPENDENCES = ("auto", "independent", "shared")

# do not change what is computed
_PLACES = ("checkpoint", "resume")


@dataclass(frozen=True)
class CalibrationRequest:
    """A checked request.

    Parameters
    ----------
    method : {"coverage", "adversarial", "combined"}
        What the fit matches.
    estimator : {"closed", "sampled"}
        How ``coverage`` computes C_ij.
    parametrization : {"high", "low"}
        Kind of kernels.
    laws : tuple of FieldLaw or None
        Law of each field in the order of decision; None to choose them.
    order : tuple of int or None
        Labels in the order of decision; None to choose it.
    free_thresholds : bool
        Whether thresholds are fitted; they are in the adversarial method in any case.
    dependence : {"auto", "independent", "shared"}
        Whether two fields share noise, in closed form; with ``auto`` they do if independent ones
        miss the data by more than two standard errors and shared noise halves the misfit.
    symmetry : {"isotropic", "cylindrical", "auto"}
        Isotropic fields, or fields that are symmetric about an axis; with ``auto`` these only if
        the sections are not isotropic, see `isotropy_test`.
    axis : {"z", "y", "x"} or None
        The axis; None for the direction that differs from the two others.
    max_lag : int or None
        Largest lag in pixels.
    evaluations : int
        Most evaluations of the closed-form fit.
    seed : int
        Seed of all simulated sections.

    Raises
    ------
    InputError
        If the method, the estimator or the dependence is unknown, or they do not fit together.
    """

    method: str = "coverage"
    estimator: str = "closed"
    parametrization: str = "high"
    laws: tuple[FieldLaw, ...] | None = None
    order: tuple[int, ...] | None = None
    free_thresholds: bool = False
    dependence: str = "auto"
    symmetry: str = "isotropic"
    axis: str | None = None
    max_lag: int | None = None
    evaluations: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (
            ("method", METHODS),
            ("estimator", ESTIMATORS),
            ("dependence", DEPENDENCES),
        ):
            value = getattr(self, name)
            if value not in known:
                raise InputError(f"{name} is {value!r}: expected one of {', '.join(known)}")
        if self.estimator == "sampled" and self.method != "coverage":
            raise InputError(
                f"the sampled estimator belongs to method coverage, not {self.method}; leave out "
                "one of them"
            )
        if self.estimator == "sampled" and self.symmetry == "cylindrical":
            raise InputError(
                "the sampled estimator knows isotropic models only; use --estimator closed, or "
                "leave out --symmetry"
            )
        if self.dependence == "shared" and self.trains:
            raise InputError(
                "trained models have independent fields; leave dependence auto, or take method "
                "coverage with the closed estimator"
            )
        check_evaluations(self.evaluations)
        if not 0 <= self.seed < 2**64:
            raise InputError(f"seed {self.seed} is outside 0 to 2**64 - 1")

    @property
    def trains(self) -> bool:
        """Whether torch is needed: for all but coverage in closed form."""
        return (self.method, self.estimator) != ("coverage", "closed")

    def fingerprint(self, sections: Sequence[Section], options: TrainingOptions) -> str:
        """Hash of everything that a training's result depends on: 64 hexadecimal digits.

        Pixels and pixel sizes of the sections, the request, the options but for the place of the
        checkpoint, and the versions of what computes. The device must be the one that computes, not
        ``auto``.
        """
        chosen = {name: value for name, value in asdict(options).items() if name not in _PLACES}
        pixels = [
            (one.sha256, hashlib.sha256(one.labels.tobytes()).hexdigest()) for one in sections
        ]
        content = {
            "sections": [
                [*hashes, one.plane, *one.pixel_size, one.unit]
                for hashes, one in zip(pixels, sections, strict=True)
            ],
            "options": chosen,
            "request": asdict(self),
            "versions": {name: version(name) for name in ("morphgen", "numpy", "scipy", "torch")},
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
