"""What a comparison found: the verdict, what holds and what does not, every quantity in a table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from morphgen.descriptors import KINDS, left_out
from morphgen.excursion import ExcursionModel
from morphgen.validation.cautions import cautions
from morphgen.validation.comparison import Comparison, Quantity
from morphgen.validation.pages import Chapter, Part, Row, Table, Verdict, listing, text
from morphgen.validation.specimens import Place
from morphgen.validation.verdicts import Verdict as Word
from morphgen.validation.words import (
    kind_title,
    lengths_in,
    names_of,
    number,
    percent,
    probability,
    sentence,
    title,
    unit_word,
)

MOST_NAMED = 6

# in the order in which they are told
_MEANINGS: dict[Word, str] = {
    "differs": "a difference was found, and it may be larger than {margin}",
    "differs, within the margin": "a difference was found, and it is smaller than {margin}",
    "not told apart": "no difference was found, but one larger than {margin} is possible",
    "equivalent": "no difference was found, and none larger than {margin} is possible",
    "not judged": "neither specimen nor simulations have a value, or all have the same",
}


def comparison_verdict(comparison: Comparison, model: ExcursionModel) -> Verdict:
    """Say whether the specimen could be of the model, or how near it is."""
    names = names_of(model.phases)
    words = _difference(comparison) if comparison.judge == "difference" else _nearness(comparison)
    lines = [_counts(comparison), _farthest(comparison, names), *cautions(comparison, model)]
    return Verdict(words, tuple(lines), "passed" if comparison.passed else "failed")


def by_distance(comparison: Comparison) -> list[Quantity]:
    """Quantities by what is judged, the farthest off first."""
    if comparison.judge == "difference":
        return list(comparison.quantities)
    return sorted(comparison.quantities, key=lambda one: -_finite(one.smallest_margin))


def summary_chapter(comparison: Comparison, model: ExcursionModel) -> Chapter:
    """Say of each descriptor what holds and what does not, and which were left out."""
    names = names_of(model.phases)
    margin = percent(comparison.margin)
    found: list[Part] = []
    for word, meaning in _MEANINGS.items():
        those = [one for one in by_distance(comparison) if one.verdict == word]
        if those:
            found.append(text(f"{sentence(word)} ({meaning.format(margin=margin)}):"))
            found.append(listing(_grouped(those, comparison, names)))
    missing = _left_out(comparison)
    if missing:
        found += [text("Left out:"), listing(missing)]
    return Chapter("What holds, and what does not", found)


def quantity_table(comparison: Comparison, model: ExcursionModel) -> Table:
    """Every quantity at its worst point, the farthest off first."""
    names = names_of(model.phases)
    heads = ["quantity", "at", "specimen", "simulated", "band", "difference", "deviation"]
    heads += ["true to within", "verdict"]
    shown = comparison.shown_misfit is not None
    if shown:
        heads.insert(5, "generated")
    rows = [_row(one, comparison, names, shown) for one in by_distance(comparison)]
    return Table(tuple(heads), tuple(rows), frozenset(range(2, len(heads) - 1)))


def reading_chapter(comparison: Comparison) -> Chapter:
    """Say how a comparison is to be read."""
    what = _specimen(comparison)
    parts = [
        text(
            f"The {what} were simulated from the model {comparison.realizations} times, with the "
            "same shape, voxel size and specimen, and the same was measured on them. A deviation "
            "is the difference between the specimen and the mean of the simulations, divided by "
            "sd·√(1 + 1/n + A): sd and n are the standard deviation and the number of the "
            "simulations, and A allows for the error that the model has from the sections that it "
            f"was calibrated on: {_shares(comparison)}."
        ),
        text(
            f"All bands have a half-width of {comparison.critical:.2f} times that. It was found "
            "from the simulations, so that specimens of the model itself would leave any of the "
            f"bands with a probability of {comparison.level:g}. Most points are correlated; "
            f"together they stray like {comparison.effective_points:.0f} independent ones."
        ),
        text(
            "Whether a difference is small is another question than whether one was found. Of each "
            "quantity, “true to within” is the least share of its scale (the number itself, or "
            "the largest value of a curve; what that is where values cross 0, the documentation "
            "says) within which the difference is shown to lie with a "
            f"probability of {comparison.confidence:g}, over all its points. Standard errors of "
            "the specimen come from the scatter between its parts."
        ),
        text(
            "A pass means that this specimen cannot tell the model from the material by what was "
            "measured here. It does not prove the model: the bands and “true to within” say which "
            "differences could have been overlooked. Conversely, large specimens reveal small "
            "differences: look at the difference, not only at the deviation, before deciding "
            "whether it matters for your purpose."
        ),
    ]
    if comparison.shown_misfit is not None:
        parts.append(
            text(
                "The generated volume is shown beside and not judged. Its fractions are those of "
                "all its voxels; the rest was measured on evenly spaced slices."
            )
        )
    return Chapter("How to read this", parts)


def _difference(comparison: Comparison) -> str:
    what = _specimen(comparison)
    if comparison.passed:
        return f"Passed: the {what} cannot be told from those of the model."
    return f"Not passed: the {what} differ from those of the model."


def _nearness(comparison: Comparison) -> str:
    judged = [one for one in comparison.quantities if one.verdict != "not judged"]
    near = sum(one.within_margin for one in judged)
    margin = percent(comparison.margin)
    if comparison.passed:
        return f"Passed: all {len(judged)} quantities are shown to agree within {margin}."
    return f"Not passed: {near} of {len(judged)} quantities are shown to agree within {margin}."


def _specimen(comparison: Comparison) -> str:
    words = ["sections"] if comparison.sections else []
    return " and ".join([*words, *(["volumes"] if comparison.volume is not None else [])])


def _counts(comparison: Comparison) -> str:
    total, off = len(comparison.quantities), sum(not one.passed for one in comparison.quantities)
    counts = comparison.verdicts()
    split = "; ".join(f"{word}: {counts[word]}" for word in _MEANINGS if word in counts)
    start = (
        f"{off} of {total} quantities lie outside their bands"
        if off
        else f"All {total} quantities lie within their bands"
    )
    return f"{start}. By verdict, with a margin of {percent(comparison.margin)}: {split}."


def _farthest(comparison: Comparison, names: Mapping[int, str]) -> str:
    worst = comparison.quantities[0]
    at = _place(worst, comparison.unit)
    if worst.one_sided:
        return (
            f"The farthest off is: {title(worst, names)}, which is infinite or has no value either "
            "in the specimen alone or in all simulations alone. That is a difference to which no "
            "deviation can be given, nor a probability."
        )
    return (
        f"The farthest off is: {title(worst, names)}{at and ', at ' + at}, with a deviation of "
        f"{number(worst.largest_deviation)} standard deviations; the limit is "
        f"{number(comparison.critical)}. Specimens of the model itself would stray as far with a "
        f"probability {probability(comparison.p_value)}, and beyond the limit with one of "
        f"{comparison.level:g}."
    )


def _grouped(
    quantities: Sequence[Quantity], comparison: Comparison, names: Mapping[int, str]
) -> list[str]:
    """One line for each kind and place: what of it, and to within which margin."""
    groups: dict[tuple[str, Place], list[Quantity]] = {}
    for one in quantities:
        groups.setdefault((one.kind, one.where), []).append(one)
    totals = Counter((one.kind, one.where) for one in comparison.quantities)
    found = []
    for (kind, where), those in groups.items():
        margin = max((_finite(one.smallest_margin) for one in those), default=-math.inf)
        within = f"; true to within {percent(margin)}" if math.isfinite(margin) else ""
        if any(one.one_sided for one in those):
            within += "; infinite or without a value on one side alone"
        total = totals[kind, where]
        if len(those) == total:
            which = f", all {total}" if total > 1 else ""
        elif len(those) > MOST_NAMED:
            which = f", {len(those)} of {total}"
        else:
            which = ": " + ", ".join(_whose(one, names) for one in those if one.phases)
        place = "volume" if where == "volume" else "sections"
        found.append(f"{sentence(kind_title(kind))} ({place}){which}{within}")
    return found


def _whose(one: Quantity, names: Mapping[int, str]) -> str:
    along = f" along {one.direction}" if one.direction else ""
    return "–".join(names[label] for label in one.phases) + along


def _left_out(comparison: Comparison) -> list[str]:
    """Descriptors of volumes that were not compared, with the reason."""
    if comparison.volume is None:
        found = [kind_title(kind.name) for kind in KINDS.values() if kind.axes == (3,)]
        return [f"No reference volume was given: {', '.join(found)}"]
    kinds = {one.kind for one in comparison.quantities if one.where == "volume"}
    reasons: dict[str, list[str]] = {}
    for kind, reason in left_out(3, tuple(kinds)).items():
        reasons.setdefault(reason, []).append(kind_title(kind))
    return [f"{sentence(reason)}: {', '.join(those)}" for reason, those in reasons.items()]


def _row(one: Quantity, comparison: Comparison, names: Mapping[int, str], shown: bool) -> Row:
    k = one.worst
    difference = one.observed[k] - one.mean[k]
    # C - p p tends to 0, where shares say nothing
    relative = one.kind != "covariance" and one.mean[k] != 0.0
    share = f"{100.0 * difference / one.mean[k]:+.1f} %" if relative else number(difference)
    judged = one.judged[k] and one.verdict != "not judged"
    unit = unit_word(one.unit)
    cells = [
        f"{title(one, names)}" + (f" ({unit})" if unit else ""),
        _place(one, comparison.unit),
        _with_error(one.observed[k], one.standard_error[k]),
        _with_error(one.mean[k], one.sd[k]),
        f"{number(one.lower[k])} to {number(one.upper[k])}" if judged else "–",
        share.replace("-", "−") if math.isfinite(difference) else "–",
        number(one.z[k]) if judged else "–",
        percent(one.smallest_margin),
        one.verdict,
    ]
    if shown:
        cells.insert(5, number(None if one.shown is None else one.shown[k]))
    return Row(tuple(cells), not one.passed)


def _with_error(value: float, error: float) -> str:
    return number(value) + (f" ± {number(error, 2)}" if math.isfinite(error) else "")


def _place(one: Quantity, unit: str) -> str:
    """Argument of the worst point of a curve; empty for a number."""
    if not one.x:
        return ""
    kind = KINDS[one.kind]
    size = f" {lengths_in(unit)}" if kind.argument_power else ""
    return f"{kind.argument} {number(one.x[one.worst])}{size}"


def _shares(comparison: Comparison) -> str:
    parts = []
    if comparison.sections:
        parts.append(f"{number(comparison.calibration_share)} for the sections")
    if comparison.volume is not None:
        parts.append(f"{number(comparison.volume_share)} for the volume")
    return ", ".join(parts) + " (0 where the model does not say what it was calibrated on)"


def _finite(value: float) -> float:
    return -math.inf if math.isnan(value) else value
