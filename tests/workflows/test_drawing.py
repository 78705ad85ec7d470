"""Pictures for notebooks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from samples import two_phases

import morphgen as mg
from morphgen.errors import InputError, StoreError
from morphgen.excursion import section_sampler
from morphgen.studies import Table

SHAPE = (24, 32, 40)
PHASES = "0=pore,1=<grain>"


@pytest.fixture(scope="module")
def section() -> mg.Section:
    labels = section_sampler(two_phases(length=3.0), (96, 128)).labels(seed=5)
    return mg.read_section(labels, phases=PHASES)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("drawing")
    profile = mg.Profile("y", (0.0, 1.0), {0: (0.7, 0.3)}, relative=True)
    plain, graded = folder / "plain.zarr", folder / "graded.zarr"
    for path, given in ((plain, None), (graded, profile)):
        mg.generate(two_phases(length=3.0), path, shape=SHAPE, seed=2, workers=1, profile=given)
    return plain, graded


def test_sections_show_themselves_in_a_notebook(section: mg.Section) -> None:
    drawn = mg.draw_section(section)
    html = drawn._repr_html_()
    assert 'src="data:image/png;base64,' in html
    assert 'alt="A section in the plane xy, in pore, &lt;grain&gt;"' in html
    assert "96 × 128 pixels." in html
    assert len(repr(drawn)) < 1000


def test_the_middle_of_a_large_section(section: mg.Section) -> None:
    large = mg.read_section(np.tile(section.labels, (1, 6)), phases=PHASES)
    assert mg.draw_section(large).caption.endswith("96 × 768 pixels, of which the middle 96 × 640.")


def test_volumes(stores: tuple[Path, Path]) -> None:
    volume = mg.open_volume(stores[0])
    assert "slices" in mg.draw_slices(volume).alt
    assert "surfaces" in mg.draw_surfaces(volume).alt
    labels = mg.read_volume(volume.labels()[...], phases=PHASES)
    assert mg.draw_slices(labels).data.startswith(b"\x89PNG")


def test_gradients(stores: tuple[Path, Path]) -> None:
    plain, graded = stores
    assert "vary along y" in mg.draw_gradient(mg.open_volume(graded)).alt
    with pytest.raises(InputError, match="without a profile"):
        mg.draw_gradient(mg.open_volume(plain))


def test_a_volume_that_is_not_complete(tmp_path: Path) -> None:
    path = tmp_path / "volume.zarr"
    mg.generate(two_phases(length=3.0), path, shape=SHAPE, seed=2, workers=1)
    next(file for file in (path / "0" / "c").rglob("*") if file.is_file()).unlink()
    with pytest.raises(StoreError, match="generate --resume"):
        mg.draw_slices(mg.open_volume(path))


def test_calibrations_and_comparisons(section: mg.Section) -> None:
    result = mg.calibrate([section], fields="gaussian", order=(1, 0), max_lag=12)
    assert "for every pair of phases" in mg.draw_fit(result).alt
    with pytest.raises(InputError, match="number is 1; expected 0 to 0"):
        mg.draw_fit(result, 1)
    comparison = mg.validate(result.model, [section], realizations=8)
    assert "quantity" in mg.draw_comparison(comparison, result.model).alt
    drawn = mg.draw_curves(comparison, result.model, "chord_length_distribution")
    assert "chords up to a length" in drawn.alt
    with pytest.raises(InputError, match="two_point_coverage"):
        mg.draw_curves(comparison, result.model, "volume_fraction")


def test_studies() -> None:
    random = np.random.default_rng(3)
    eps = random.uniform(0.2, 0.6, 20)
    columns = {
        "point": np.arange(20.0),
        "set.volume_fraction.pore": eps,
        "volume_fraction.pore": eps,
        "effective_diffusivity.pore": eps**1.5 * random.lognormal(0.0, 0.01, 20),
    }
    table = Table(columns, ("",) * 19 + ("no memory",))
    responses = mg.draw_responses(table, ["effective_diffusivity.pore"])
    assert "on 19 scenarios" in responses.alt
    assert "volume_fraction.pore" in responses.alt
    (relation,) = mg.relate(table, predictors=["volume_fraction"])
    error = relation.regressions[0].held_out.percentage_error
    assert f"pore, fitted and held out {error:.0f} %" in mg.draw_predictions([relation]).alt
