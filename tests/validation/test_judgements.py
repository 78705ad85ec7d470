"""What is said of a comparison: every quantity once, in words that follow from its numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from validation.samples import small_model

from morphgen.descriptors import KINDS
from morphgen.excursion import ExcursionModel
from morphgen.images import Volume
from morphgen.validation import Comparison, compare
from morphgen.validation.judgements import (
    by_distance,
    comparison_verdict,
    quantity_table,
    reading_chapter,
    summary_chapter,
)
from morphgen.validation.report import validation_report
from morphgen.validation.writing import html_of

FEW = ("volume_fraction", "two_point_coverage", "connected_fraction", "spherical_contact")


@pytest.fixture(scope="module")
def of_volume(model: ExcursionModel, volume: Volume) -> Comparison:
    return compare(model, volume=volume, realizations=8, kinds=FEW, max_lag=8.0)


def words_of(comparison: Comparison, model: ExcursionModel) -> str:
    parts = summary_chapter(comparison, model).parts
    found = []
    for part in parts:
        assert isinstance(part.content, (str, tuple, list))
        found += [part.content] if isinstance(part.content, str) else list(part.content)
    return "\n".join(str(one) for one in found)


def test_every_quantity_has_a_row_in_the_order_of_what_is_judged(
    comparison: Comparison, model: ExcursionModel
) -> None:
    rows = quantity_table(comparison, model).rows
    assert len(rows) == len(comparison.quantities)
    assert [row.out for row in rows] == [not one.passed for one in comparison.quantities]
    nearness = replace(comparison, judge="equivalence")
    margins = [one.smallest_margin for one in by_distance(nearness)]
    known = [one for one in margins if not np.isnan(one)]
    assert known == sorted(known, reverse=True)
    assert margins[: len(known)] == known


def test_a_row_holds_value_error_band_and_verdict(
    comparison: Comparison, model: ExcursionModel
) -> None:
    heads, rows = (table := quantity_table(comparison, model)).heads, table.rows
    row = next(row.cells for row in rows if row.cells[0] == "volume fraction of pore")
    cells = dict(zip(heads, row, strict=True))
    one = comparison.quantity("volume_fraction", (0,))
    assert cells["specimen"].startswith(f"{one.observed[0]:.3f} ± ")
    assert cells["simulated"].startswith(f"{one.mean[0]:.3f} ± ")
    assert cells["band"] == f"{one.lower[0]:.3f} to {one.upper[0]:.3f}"
    assert cells["true to within"] == f"{100.0 * one.smallest_margin:.3g} %"
    assert cells["verdict"] == one.verdict


def test_all_verdicts_are_told(comparison: Comparison, model: ExcursionModel) -> None:
    words = words_of(comparison, model)
    for word in comparison.verdicts():
        assert word.capitalize() in words
    assert "No reference volume was given: " in words
    assert "mean geodesic tortuosity" in words


def test_a_margin_decides_where_equivalence_is_judged(
    comparison: Comparison, model: ExcursionModel
) -> None:
    shown = sum(one.within_margin for one in comparison.quantities)
    judged = sum(one.verdict != "not judged" for one in comparison.quantities)
    near = replace(comparison, judge="equivalence", passed=False)
    verdict = comparison_verdict(near, model)
    assert verdict.word == (
        f"Not passed: {shown} of {judged} quantities are shown to agree within 10 %."
    )
    assert verdict.style == "failed"
    assert (
        "shown to agree within 10 %" in comparison_verdict(replace(near, passed=True), model).word
    )


def test_a_volume_alone_is_told_of(
    of_volume: Comparison, model: ExcursionModel, volume: Volume
) -> None:
    assert comparison_verdict(of_volume, model).word.split(": ")[1].startswith("the volumes ")
    words = words_of(of_volume, model)
    assert "Spherical contact distribution (volume)" in words
    left = next(line for line in words.splitlines() if line.startswith("Not asked for: "))
    assert KINDS["mean_geodesic_tortuosity"].title in left
    assert KINDS["connected_fraction"].title not in left
    document = validation_report(of_volume, model, [], volume=volume)
    titles = [chapter.title for chapter in document.chapters]
    assert titles[:2] == ["In three dimensions", "What holds, and what does not"]
    assert {"Two-point coverage", "Spherical contact distribution"} <= set(titles)
    page = html_of(document)
    assert "40 × 48 × 56" in page
    assert "for the volume" in "".join(
        str(part.content) for part in reading_chapter(of_volume).parts
    )


def test_what_is_not_judged_says_so(of_volume: Comparison) -> None:
    # a phase that is absent from the specimen has no distances to it
    model = small_model()
    first = of_volume.quantities[0]
    nothing = replace(first, verdict="not judged", smallest_margin=float("nan"))
    row = quantity_table(replace(of_volume, quantities=(nothing,)), model).rows[0]
    assert row.cells[-1] == "not judged"
    assert row.cells[4] == row.cells[6] == row.cells[7] == "–"
