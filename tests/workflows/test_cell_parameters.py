"""Cell parameters: against closed forms, and as BPX and PyBaMM read them."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from battery import cell

import morphgen as mg
from morphgen.descriptors import Description
from morphgen.errors import InputError

bpx = pytest.importorskip("bpx")

KINDS = ("volume_fraction", "interface_area", "effective_diffusivity")
SURFACE = "Surface area per unit volume [m-1]"


def layers(unit: str | None = "um") -> Description:
    """Layers across x, 4 voxels of pore, 6 of grain and 2 of a binder between them, twice."""
    profile = np.repeat(np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8), [4, 6, 2] * 2)
    labels = np.broadcast_to(profile, (12, 12, len(profile))).copy()
    size = {} if unit is None else {"voxel_size": 0.5, "unit": unit}
    return mg.describe(
        labels, phases="0=pore,1=grain,2=binder",
        kinds=[*KINDS, "effective_electronic_conductivity"],
        electronic={"grain": 3.0, "binder": 30.0}, **size,
    )  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Description:
    return layers()


@pytest.fixture(scope="module")
def positive(found: Description) -> mg.CellParameters:
    return mg.cell_parameters(found, "positive", electrolyte="pore", active="grain")


def test_layers_have_closed_forms(found: Description, positive: mg.CellParameters) -> None:
    assert positive.porosity.value == pytest.approx(1 / 3)
    assert positive.active_fraction.value == pytest.approx(1 / 2)
    # along straight layers the tortuosity factor is 1
    assert positive.transport_efficiency.value == pytest.approx(1 / 3, rel=1e-3)
    assert positive.bruggeman_exponent == pytest.approx(1.0, abs=1e-3)
    assert positive.conductivity.value == pytest.approx(3.0 / 2 + 30.0 / 6, rel=1e-3)
    # two faces of grain and pore in 23 steps along x, of 0.5 um; 13 directions read a plane that
    # is normal to an axis low by 7.3 %, and only the bulk is without ends: 3 % of freedom
    faces = 2.0 / (23 * 0.5e-6)
    assert positive.surface_area.value == pytest.approx((1 - 0.073) * faces, rel=0.03)
    area = found.reading("interface_area", (0, 1)).values[0]
    assert positive.surface_area.value == pytest.approx(1e6 * area, rel=1e-12)
    assert positive.particle_radius == pytest.approx(3 * 0.5 / (1e6 * area))


@pytest.mark.parametrize(("unit", "metres"), [("nm", 1e-9), ("um", 1e-6), ("cm", 1e-2), ("m", 1.0)])
def test_areas_are_per_metre(found: Description, unit: str, metres: float) -> None:
    parameters = mg.cell_parameters(
        replace(found, unit=unit), "negative", electrolyte="pore", active="grain"
    )
    area = found.reading("interface_area", (0, 1)).values[0]
    assert parameters.surface_area.value * metres == pytest.approx(area)


def test_the_electrolyte_may_be_solid_and_a_separator_needs_no_unit() -> None:
    voxels = layers(None)
    separator = mg.cell_parameters(voxels, "separator", electrolyte="binder", axis="y")
    assert separator.porosity.value == pytest.approx(1 / 6)
    assert separator.transport_efficiency.value == pytest.approx(1 / 6, rel=1e-3)
    assert separator.surface_area is separator.particle_radius is separator.conductivity is None
    with pytest.raises(InputError, match="lengths in voxels, .* --voxel-size"):
        mg.cell_parameters(voxels, "positive", electrolyte="pore", active="grain")


def test_standard_errors_are_those_of_the_descriptors(found: Description) -> None:
    readings = tuple(replace(one, standard_error=0.01 * one.values) for one in found.readings)
    parameters = mg.cell_parameters(
        replace(found, readings=readings), "positive", electrolyte="pore", active="grain"
    )
    for one in (*parameters.bpx().values(), parameters.active_fraction):
        assert one.standard_error == pytest.approx(0.01 * one.value)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"component": "anode"}, "component is 'anode'; expected negative, positive, separator"),
        ({"axis": "r"}, "axis is 'r'; expected z, y or x"),
        (
            {"electrolyte": "air"},
            "electrolyte 'air' is no phase of .* expected pore, grain, binder",
        ),
        ({"active": None}, "wants its active material; name one of pore, grain, binder"),
        ({"active": "pore"}, "both electrolyte and active"),
        ({"component": "separator"}, "a separator has no active material; leave out 'grain'"),
        ({"axis": "x"}, "'pore' does not join the two faces along x"),
    ],
)
def test_wrong_requests(found: Description, request_: dict[str, Any], message: str) -> None:
    wanted = {"component": "positive", "electrolyte": "pore", "active": "grain"} | request_
    with pytest.raises(InputError, match=message):
        mg.cell_parameters(found, **wanted)


def test_what_was_not_measured_is_asked_for(found: Description) -> None:
    few = [one for one in found.readings if one.key.kind != "interface_area"]
    lacking = replace(found, readings=tuple(few), left_out={"interface_area": "not asked for"})
    with pytest.raises(InputError, match="lacks interface_area: not asked for"):
        mg.cell_parameters(lacking, "positive", electrolyte="pore", active="grain")
    section = mg.describe(np.eye(32, dtype=np.uint8), phases="0=pore,1=grain", kinds=KINDS[:1])
    with pytest.raises(InputError, match="section of axes yx"):
        mg.cell_parameters(section, "separator", electrolyte="pore")


def test_a_template_is_filled_and_nothing_else_is_touched(
    positive: mg.CellParameters, tmp_path: Path
) -> None:
    template, target = tmp_path / "cell.json", tmp_path / "filled.json"
    template.write_text(json.dumps(cell()), encoding="utf-8")
    written = mg.write_cell_parameters(positive, target, template=template, thickness=7e-5)
    electrode = bpx.parse_bpx_file(target).parameterisation.positive_electrode
    assert electrode.porosity == positive.porosity.value
    assert electrode.transport_efficiency == positive.transport_efficiency.value
    assert electrode.surface_area_per_unit_volume == positive.surface_area.value
    assert electrode.conductivity == positive.conductivity.value
    assert electrode.thickness == 7e-5
    # all the rest, in its order, with its letters
    wanted, found = cell(), json.loads(target.read_text(encoding="utf-8"))
    for one in written.fields:
        part = wanted["Parameterisation"]["Positive electrode"]
        assert one.before == part[one.name]
        part[one.name] = one.value
    assert json.dumps(found) == json.dumps(wanted)
    assert "für" in target.read_text(encoding="utf-8")
    # PyBaMM would take a R / 3 for the active fraction
    [note] = written.notes
    assert f"a R / 3 = {positive.surface_area.value * 5e-6 / 3:.3g}; measured is 0.5" in note


def test_the_particle_radius_agrees_if_wanted(positive: mg.CellParameters, tmp_path: Path) -> None:
    template, target = tmp_path / "cell.json", tmp_path / "filled.json"
    template.write_text(json.dumps(cell()), encoding="utf-8")
    written = mg.write_cell_parameters(positive, target, template=template, particle_radius=True)
    assert written.notes == ()
    electrode = bpx.parse_bpx_file(target).parameterisation.positive_electrode
    implied = electrode.surface_area_per_unit_volume * electrode.particle_radius / 3
    assert implied == pytest.approx(positive.active_fraction.value)


def test_one_material_of_a_blend(found: Description, tmp_path: Path) -> None:
    template, target = tmp_path / "cell.json", tmp_path / "filled.json"
    template.write_text(json.dumps(cell()), encoding="utf-8")
    parameters = mg.cell_parameters(found, "negative", electrolyte="pore", active="grain")
    mg.write_cell_parameters(parameters, target, template=template, material="Silicon")
    electrode = bpx.parse_bpx_file(target).parameterisation.negative_electrode
    assert electrode.porosity == parameters.porosity.value
    areas = {name: one.surface_area_per_unit_volume for name, one in electrode.particle.items()}
    assert areas == {"Graphite": 3.6e5, "Silicon": parameters.surface_area.value}
    for material in (None, "Tin"):
        with pytest.raises(InputError, match="a blend of Graphite, Silicon; say which"):
            mg.write_cell_parameters(
                parameters, target, template=template, material=material, overwrite=True
            )


def test_a_single_particle_model_has_no_porosity(
    positive: mg.CellParameters, tmp_path: Path
) -> None:
    content = cell()
    content["Header"]["Model"] = "SPM"
    electrodes = content["Parameterisation"]
    for name in ("Separator", "Electrolyte"):
        del electrodes[name]
    for name in ("Negative electrode", "Positive electrode"):
        for field in ("Porosity", "Transport efficiency", "Conductivity [S.m-1]"):
            del electrodes[name][field]
    template, target = tmp_path / "cell.json", tmp_path / "filled.json"
    template.write_text(json.dumps(content), encoding="utf-8")
    written = mg.write_cell_parameters(positive, target, template=template)
    assert [one.name for one in written.fields] == [SURFACE]
    assert "has no Porosity, Transport efficiency, Conductivity" in written.notes[0]
    electrode = bpx.parse_bpx_file(target).parameterisation.positive_electrode
    assert electrode.surface_area_per_unit_volume == positive.surface_area.value


def test_a_component_alone(found: Description, positive: mg.CellParameters, tmp_path: Path) -> None:
    separator = mg.cell_parameters(found, "separator", electrolyte="pore")
    mg.write_cell_parameters(separator, tmp_path / "separator.json", thickness=1.2e-5)
    read = bpx.parse_bpx_file(tmp_path / "separator.json")
    assert read.header.model == "Partial"
    assert read.parameterisation.separator.porosity == separator.porosity.value
    # an electrode wants fields that no image shows; with these of a cell it is valid
    mg.write_cell_parameters(positive, tmp_path / "positive.json")
    content = json.loads((tmp_path / "positive.json").read_text(encoding="utf-8"))
    [electrode] = content["Parameterisation"].values()
    assert list(electrode) == ["Porosity", "Transport efficiency", SURFACE, "Conductivity [S.m-1]"]
    with pytest.raises(ValueError, match="Thickness"):
        bpx.parse_bpx_obj(copy.deepcopy(content))
    whole = cell()["Parameterisation"]["Positive electrode"] | electrode
    content["Parameterisation"]["Positive electrode"] = whole
    filled = bpx.parse_bpx_obj(content).parameterisation.positive_electrode
    assert filled.porosity == positive.porosity.value


def test_parameters_of_pybamm(positive: mg.CellParameters, tmp_path: Path) -> None:
    path = tmp_path / "positive.pybamm.json"
    mg.write_cell_parameters(positive, path, thickness=7e-5)
    values = json.loads(path.read_text(encoding="utf-8"))
    exponent = values["Positive electrode Bruggeman coefficient (electrolyte)"]
    efficiency = values["Positive electrode porosity"] ** exponent
    assert efficiency == pytest.approx(positive.transport_efficiency.value)
    fraction = values["Positive electrode active material volume fraction"]
    area = 3 * fraction / values["Positive particle radius [m]"]
    assert area == pytest.approx(positive.surface_area.value)
    assert values["Positive electrode conductivity [S.m-1]"] == positive.conductivity.value
    assert values["Positive electrode Bruggeman coefficient (electrode)"] == 0.0
    assert values["Positive electrode thickness [m]"] == 7e-5


def test_a_phase_that_fills_the_volume(tmp_path: Path) -> None:
    full = np.zeros((8, 8, 8), dtype=np.uint8)
    found = mg.describe(full, phases="0=pore,1=grain", kinds=KINDS)
    separator = mg.cell_parameters(found, "separator", electrolyte="pore")
    assert math.isnan(separator.bruggeman_exponent)
    path = tmp_path / "full.pybamm.json"
    mg.write_cell_parameters(separator, path)
    assert json.loads(path.read_text())["Separator Bruggeman coefficient (electrolyte)"] == 1.0
    with pytest.raises(InputError, match="holds no voxel of 'grain'"):
        mg.cell_parameters(found, "separator", electrolyte="grain")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2]", "no BPX file: it has no Header"),
        ('{"Header": {"BPX": "1.1.0"}, "Parameterisation": {}}', "has no 'Positive electrode'"),
        (
            '{"Header": {"BPX": "1"}, "Parameterisation": {"Positive electrode": {"a": 1}}}',
            "has no field Porosity",
        ),
        ('{"Header": 1, "Header": 2}', "'Header' appears twice"),
        ("Header:\n  BPX: 1.1.0\n", "not valid JSON"),
    ],
)
def test_wrong_templates(
    positive: mg.CellParameters, tmp_path: Path, content: str, message: str
) -> None:
    template, target = tmp_path / "cell.json", tmp_path / "filled.json"
    template.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        mg.write_cell_parameters(positive, target, template=template)
    assert not target.exists()


def test_wrong_options_of_files(
    found: Description, positive: mg.CellParameters, tmp_path: Path
) -> None:
    template = tmp_path / "cell.json"
    template.write_text(json.dumps(cell()), encoding="utf-8")
    separator = mg.cell_parameters(found, "separator", electrolyte="pore")
    wrong: list[tuple[mg.CellParameters, str, dict[str, Any], str]] = [
        (positive, "cell.json", {"template": template, "overwrite": True}, "is the template"),
        (positive, "a.pybamm.json", {"template": template}, "has no templates"),
        (positive, "a.json", {"material": "Tin"}, "is one of a template"),
        (positive, "a.json", {"template": template, "material": "Tin"}, "is no blend"),
        (positive, "a.json", {"thickness": -1.0}, "thickness is -1.0 m"),
        (separator, "a.json", {"particle_radius": True}, "has no particles"),
        (separator, "none/a.json", {}, "does not exist"),
    ]
    for parameters, name, options, message in wrong:
        with pytest.raises(InputError, match=message):
            mg.write_cell_parameters(parameters, tmp_path / name, **options)
    assert [file.name for file in tmp_path.iterdir()] == ["cell.json"]
