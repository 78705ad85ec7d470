"""Synthetic truths of known order, laws and correlations: three phases, lengths about 8 pixels."""

from __future__ import annotations

from samples import PHASES

from morphgen.excursion import ExcursionModel, Field
from morphgen.excursion.model import AnyKernel
from morphgen.fields.laws import ChiSquare, Gaussian, Law
from morphgen.fields.parametric import DampedSincKernel, GaussianKernel, MaternKernel


def _model(
    order: tuple[int, int, int],
    first: tuple[AnyKernel, Law, float],
    second: tuple[AnyKernel, Law, float],
) -> ExcursionModel:
    fields = tuple(Field(kernel, law, law.threshold(p)) for kernel, law, p in (first, second))
    return ExcursionModel(PHASES, order, fields)


_BELL = GaussianKernel(8.0)
_WAVE = DampedSincKernel(12.0, wave_number=0.35)

TRUTHS = {
    "hole effect": _model(
        (1, 0, 2), (_WAVE, Gaussian(), 0.45), (GaussianKernel(6.0), Gaussian(), 0.55)
    ),
    "Matern": _model(
        (2, 0, 1),
        (MaternKernel(4.0, smoothness=2.0), Gaussian(), 0.3),
        (MaternKernel(3.0, smoothness=2.5), Gaussian(), 0.6),
    ),
    "chi-square 1": _model(
        (0, 1, 2), (_BELL, Gaussian(), 0.35), (GaussianKernel(6.0), ChiSquare(1), 0.5)
    ),
    "chi-square 2": _model((1, 0, 2), (_BELL, Gaussian(), 0.35), (_BELL, ChiSquare(2), 0.5)),
    "chi-square 4": _model(
        (2, 0, 1),
        (MaternKernel(4.0, smoothness=2.0), Gaussian(), 0.3),
        (_BELL, ChiSquare(4), 0.4),
    ),
    "mixed": _model((1, 0, 2), (_BELL, ChiSquare(2), 0.4), (_WAVE, Gaussian(), 0.55)),
}
