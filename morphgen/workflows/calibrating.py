"""From sections to a model."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

from morphgen.calibration.coverage import calibrate_coverage
from morphgen.calibration.objective import FieldLaw
from morphgen.calibration.request import CalibrationRequest
from morphgen.calibration.result import CalibrationResult
from morphgen.calibration.training.options import TrainingOptions, require_torch
from morphgen.errors import InputError
from morphgen.fields.laws import parse_law
from morphgen.images import Section
from morphgen.progress import Progress, silent
from morphgen.validation import CalibrationCurves

if TYPE_CHECKING:
    pass


def calibrate(
    sections: Sequence[Section],
    *,
    method: str = "coverage",
    estimator: str = "closed",
    parametrization: str = "high",
    fields: str | Sequence[str] = "auto",
    order: str | Sequence[int] = "auto",
    thresholds: str = "fractions",
    dependence: str = "auto",
    symmetry: str = "isotropic",
    axis: str | None = None,
    max_lag: int | None = None,
    evaluations: int = 200,
    seed: int = 0,
    training: TrainingOptions | None = None,
    progress: Progress = silent,
) -> CalibrationResult:
    """Calibrate an excursion-set model to segmented sections.

    Parameters
    ----------
    sections : sequence of Section
        Sections of one material, of one voxel size.
    method : {"coverage", "adversarial", "combined"}
        What the fit matches: all two-point coverage functions; the judgement of networks that
        tell real sections from simulated ones; or both.
    estimator : {"closed", "sampled"}
        Coverage functions of the model in closed form, or of sampled sections (method coverage).
    parametrization : {"high", "low"}
        Spline kernels, or named covariance families.
    fields : "auto" or sequence of str
        Law of each field in the order of decision: ``gaussian`` or ``chi2:N``, with ``:below``
        for a lower excursion set.
    order : "auto" or sequence of int
        Labels in the order of decision.
    thresholds : {"fractions", "free"}
        Thresholds that give the sections' volume fractions, or fitted with the rest.
    dependence : {"auto", "independent", "shared"}
        Whether the two fields of three phases share noise; ``auto`` lets them where independent
        fields do not describe the sections.
    symmetry : {"isotropic", "cylindrical", "auto"}
        Isotropic fields; fields that are symmetric about an axis, from sections of which one plane
        at least contains it; or these only where the sections are not isotropic.
    axis : {"z", "y", "x"}, optional
        The axis; by default found from sections of two planes.
    max_lag : int, optional
        Largest lag in pixels; 8 correlation lengths by default.
    evaluations : int
        Most evaluations in the final fit.
    seed : int
        Seed of all simulated sections.
    training : TrainingOptions, optional
        Options of a training: of every method and estimator but coverage in closed form.
    progress : Progress
        Told what is being done.

    Returns
    -------
    CalibrationResult

    Raises
    ------
    InputError
        If the request or the sections are unusable.
    BackendError
        If a training finds no torch, or not the device that is asked for.
    CalibrationError
        If the data did not determine a model, or a training diverged.
    """
    request = calibration_request(
        method=method,
        estimator=estimator,
        parametrization=parametrization,
        fields=fields,
        order=order,
        thresholds=thresholds,
        dependence=dependence,
        symmetry=symmetry,
        axis=axis,
        max_lag=max_lag,
        evaluations=evaluations,
        seed=seed,
    )
    if not request.trains:
        return calibrate_coverage(sections, request, progress)
    require_torch()
    # torch takes seconds to load
    from morphgen.calibration.training.train import calibrate_trained

    return calibrate_trained(sections, request, training or TrainingOptions(), progress=progress)


def calibration_request(
    *,
    method: str = "coverage",
    estimator: str = "closed",
    parametrization: str = "high",
    fields: str | Sequence[str] = "auto",
    order: str | Sequence[int] = "auto",
    thresholds: str = "fractions",
    dependence: str = "auto",
    symmetry: str = "isotropic",
    axis: str | None = None,
    max_lag: int | None = None,
    evaluations: int = 200,
    seed: int = 0,
) -> CalibrationRequest:
    """Check what `calibrate` is asked for; arguments and errors are its own."""
    if thresholds not in ("fractions", "free"):
        raise InputError(f"thresholds is {thresholds!r}: expected fractions or free")
    return CalibrationRequest(
        method,
        estimator,
        parametrization,
        laws=None if isinstance(fields, str) and fields == "auto" else _laws(fields),
        order=None if isinstance(order, str) and order == "auto" else _order(order),
        free_thresholds=thresholds == "free",
        dependence=dependence,
        symmetry=symmetry,
        axis=axis,
        max_lag=max_lag,
        evaluations=evaluations,
        seed=seed,
    )


def calibration_curves(result: CalibrationResult) -> tuple[CalibrationCurves, ...]:
    """Curves of a calibration, as its report draws them: one set, or one for each direction."""
    fit = result.coverage
    return tuple(
        CalibrationCurves(
            line.distance,
            fit.data[..., line.place],
            fit.model[..., line.place],
            fit.standard_error[..., line.place],
            fit.bound[line.place],
            line.name,
        )
        for line in fit.lines()
    )


def _laws(fields: str | Sequence[str]) -> tuple[FieldLaw, ...]:
    names = fields.split(",") if isinstance(fields, str) else fields
    return tuple(FieldLaw(*parse_law(name)) for name in names)


def _order(order: str | Sequence[int]) -> tuple[int, ...]:
    if not isinstance(order, str):
        return tuple(operator.index(label) for label in order)
    try:
        return tuple(int(label) for label in order.split(","))
    except ValueError as error:
        raise InputError(f"order is {order!r}: expected labels such as 1,2,0") from error
