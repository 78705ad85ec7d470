"""What a study names in a model."""

from __future__ import annotations

from dataclasses import replace

import pytest
from samples import three_phases, two_phases

from morphgen.errors import InputError
from morphgen.excursion import ExcursionModel, SharedNoise
from morphgen.fields.laws import Gaussian
from morphgen.fields.parametric import GaussianKernel
from morphgen.phases import Phase
from morphgen.studies import Design, StudyRequest, Variable, scenarios

PORE = Variable("volume_fraction", phase="pore", values=(0.2, 0.3, 0.4))
IONIC = ("effective_ionic_conductivity",)


def asked(*vary: Variable, **options: object) -> StudyRequest:
    return StudyRequest((8, 8, 8), Design("grid"), vary or (PORE,), **options)  # type: ignore[arg-type]


def of(parameter: str, **target: object) -> Variable:
    value = 2 if parameter == "degrees_of_freedom" else 0.9
    return Variable(parameter, values=(value,), **target)  # type: ignore[arg-type]


def shared() -> ExcursionModel:
    model = three_phases()
    fields = tuple(replace(one, law=Gaussian(), threshold=0.6) for one in model.fields)
    return replace(model, fields=fields, shared=SharedNoise(GaussianKernel(4.0), (0.8, 0.7)))


@pytest.mark.parametrize(
    ("vary", "words"),
    [
        (
            (PORE, of("volume_fraction", phase=0)),
            "volume_fraction.pore and volume_fraction.0 are the same in this model",
        ),
        (
            (of("length_factor", field="active material"), of("length_factor", field="1")),
            "length_factor.active material and length_factor.1 are the same",
        ),
        (
            (
                of("axial_factor", field="active material", axis="z"),
                of("axial_factor", field=1, axis="z"),
            ),
            "leave out one of them",
        ),
        (
            (of("degrees_of_freedom", field="all"), of("degrees_of_freedom", field=0)),
            "degrees_of_freedom.all and degrees_of_freedom.0 are the same",
        ),
    ],
)
def test_one_parameter_under_two_names(vary: tuple[Variable, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        scenarios(three_phases(), asked(*vary))


def test_factors_that_multiply() -> None:
    """Of all fields and of one, of two axes, or of the noise that fields share."""
    of_all = of("length_factor", field="all")
    along = of("axial_factor", field=1, axis="z"), of("axial_factor", field=0, axis="y")
    vary = (of_all, of("length_factor", field=1), *along)
    (one,) = scenarios(three_phases(), asked(*vary))
    reach = [field.kernel.reach for field in three_phases().fields]
    assert one.model.fields[0].kernel.reach == pytest.approx(0.9**2 * reach[0])
    assert scenarios(shared(), asked(of_all, of("length_factor", field="shared")))
    # of the only field there is
    with pytest.raises(InputError, match="are the same in this model"):
        scenarios(two_phases(), asked(of_all, of("length_factor", field=1)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"phases": ("pore", 0)}, "'pore' and 0 are the same"),
        (
            {"descriptors": IONIC, "ionic": {"pore": 1.0, "0": 2.0}},
            "'pore' and '0' are the same in this model",
        ),
        ({"rest": "typo"}, "there is no phase 'typo'"),
        # once, not once for every point
        ({"phases": ("gas",)}, "^there is no phase 'gas'; expected one of 0 .pore., 1"),
    ],
)
def test_phases_that_are_named_wrongly(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        scenarios(three_phases(), asked(**options))


def test_a_phase_to_vary_that_is_absent_is_told_once() -> None:
    gas = Variable("volume_fraction", phase="gas", values=(0.2, 0.3, 0.4))
    with pytest.raises(InputError, match="^there is no phase 'gas'"):
        scenarios(three_phases(), asked(gas))


def test_phases_that_columns_cannot_tell_apart() -> None:
    model = three_phases()
    twins = replace(model, phases=(model.phases[0], Phase(1, "solid"), Phase(2, "solid")))
    with pytest.raises(InputError, match="2 phases of the model are called 'solid'"):
        scenarios(twins, asked())
    axis = replace(model, phases=(*model.phases[:2], Phase(2, "solid.x")))
    with pytest.raises(InputError, match="phase 'solid.x' ends like an axis"):
        scenarios(axis, asked())
