"""Every number of a low-parametric model has a meaning."""

from __future__ import annotations

from dataclasses import replace

from validation.samples import origin_of, small_model

from morphgen.excursion import Candidate, Reduction
from morphgen.excursion.shared import SharedNoise
from morphgen.fields.parametric import DampedSincKernel, MaternKernel
from morphgen.validation.model_tables import candidate_table, loss_table, parameter_table
from morphgen.validation.parameters import parameters


def test_parameters_of_families_axes_and_shared_noise() -> None:
    model = small_model()
    kernels = (MaternKernel(4.0, 2.0, "z", smoothness=2.0), DampedSincKernel(9.0, wave_number=0.5))
    fields = tuple(
        replace(field, kernel=kernel) for field, kernel in zip(model.fields, kernels, strict=True)
    )
    shared = SharedNoise(DampedSincKernel(5.0, wave_number=0.2), (0.5, -0.4))
    known = replace(origin_of((9, 9)), uncertainty={"shared.loadings.1": 0.1}, intervals={})
    found = parameters(replace(model, fields=fields, shared=shared, provenance=known))
    assert {one.name: (one.value, one.unit) for one in found} == {
        "fields.0.threshold": (fields[0].threshold, ""),
        "fields.0.kernel.length": (4.0, "voxels"),
        "fields.0.kernel.smoothness": (2.0, ""),
        "fields.0.kernel.axial_scale": (2.0, ""),
        "fields.1.threshold": (fields[1].threshold, ""),
        "fields.1.kernel.length": (9.0, "voxels"),
        "fields.1.kernel.wave_number": (0.5, "rad/voxel"),
        "shared.loadings.0": (0.5, ""),
        "shared.loadings.1": (-0.4, ""),
        "shared.kernel.length": (5.0, "voxels"),
        "shared.kernel.wave_number": (0.2, "rad/voxel"),
    }
    assert all(one.meaning for one in found)
    # 2 pi / 0.5
    assert "12.6 voxels apart" in found[6].meaning
    assert [one.name for one in found if one.standard_error] == ["shared.loadings.1"]


def test_parameter_table_shows_intervals() -> None:
    intervals = {"fields.0.kernel.length": (3.5, 4.5)}
    known = replace(origin_of((9, 9)), intervals=intervals)
    rows = [row.cells for row in parameter_table(small_model(provenance=known)).rows]
    assert rows[1][4] == "3.50 to 4.50"
    assert rows[0][4] == "–"


def test_candidate_table_leaves_out_columns_that_say_nothing() -> None:
    plain = Candidate((1, 0), ("gaussian",), 0.01, 0.02, 0.0, parameters=2, held_out=1.25)
    heads = candidate_table([plain]).heads
    assert "symmetry" not in heads
    assert "fields" not in heads
    table = candidate_table(
        [plain, replace(plain, symmetry="cylindrical", dependence="shared", parameters=None)],
        {0: "pore", 1: "grain"},
    )
    assert {"symmetry", "fields"} <= set(table.heads)
    cells = [dict(zip(table.heads, row.cells, strict=True)) for row in table.rows]
    assert cells[0]["order"] == "grain, pore"
    assert (cells[0]["numbers"], cells[1]["numbers"]) == ("2", "–")
    assert cells[0]["held-out score"] == "1.25"
    assert [one["fields"] for one in cells] == ["independent", "shared"]


def test_loss_table_names_the_phases() -> None:
    table = loss_table(Reduction("a" * 64, ("gaussian",), {"0-1": 0.004}), small_model())
    assert table.rows[0].cells == ("pore–active", "0.00400")
