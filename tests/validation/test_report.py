"""A report is one file that says what was found, to every reader."""

from __future__ import annotations

import html.parser
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from validation.samples import SIDE, drawn, origin_of, small_model

from morphgen.errors import InputError
from morphgen.excursion import Candidate, ExcursionModel
from morphgen.images import Section, Volume
from morphgen.validation import CalibrationCurves, Comparison, compare
from morphgen.validation.judgements import comparison_verdict
from morphgen.validation.pages import Document
from morphgen.validation.passages import class_or_fit
from morphgen.validation.report import calibration_report, validation_report
from morphgen.validation.writing import html_of

HOSTILE = "<script>alert('$x$')</script>"
LARGEST = 10_000_000


class Page(html.parser.HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def curves(model: ExcursionModel) -> CalibrationCurves:
    lag = np.linspace(0.0, 20.0, 21)
    exact = np.asarray(model.two_point_coverage(lag))
    return CalibrationCurves(
        lag, exact + 0.001, exact, np.full(exact.shape, 0.002), np.full(lag.shape, 0.0015)
    )


def check_page(text: str, pictures: int) -> Page:
    page = Page(text)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) == pictures
    assert len(text.encode()) <= LARGEST
    for image in images:
        assert str(image["src"]).startswith(
            ("data:image/png;base64,", "data:image/svg+xml;base64,")
        )
        assert len(str(image["alt"])) > 20
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "a"}
    outside = re.sub(r'src="data:[^"]*"', "", text)
    assert "http" not in outside
    assert "url(" not in outside
    return page


def test_validation_report_stands_alone(report: Document, comparison: Comparison) -> None:
    page = check_page(html_of(report), pictures=7)
    words = " ".join(page.words)
    verdict = "Passed" if comparison.passed else "Not passed"
    assert words.index(verdict) < words.index("Side by side")
    assert "First: pore is where a Gaussian field is at or above" in words
    assert "nan" not in words.lower().split()


def test_calibration_report_stands_alone(model: ExcursionModel, section: Section) -> None:
    candidates = (
        Candidate((0, 1, 2), ("gaussian", "gaussian"), 0.0028, 0.003, 1.0, 0.5),
        Candidate((1, 0, 2), ("chi2:2", "gaussian:below"), 0.02, 0.03, 9.0),
    )
    known = model.with_provenance(replace(origin_of((SIDE, SIDE)), candidates=candidates))
    page = check_page(html_of(calibration_report(known, [section], [curves(known)])), pictures=2)
    words = " ".join(page.words)
    assert "the model class is the limit, not the fit" in words
    assert "gaussian:below" in words
    assert "upper.tif" in words


def test_fit_is_the_limit_far_from_the_bound(model: ExcursionModel) -> None:
    poor = replace(origin_of((SIDE, SIDE)), bound=0.001)
    words = class_or_fit(model.with_provenance(poor))
    assert "the fit is the limit, not the model class" in words


def test_names_are_escaped(volume: Volume) -> None:
    model = small_model(names=(HOSTILE, "価格 $a$ & $b$", 'say "hi"'))
    section = replace(drawn(model, 4), source="<img src=x onerror=alert(1)>.tif")
    comparison = compare(model, [section], realizations=8, max_lag=9.0)
    text = html_of(validation_report(comparison, model, [section], volume=volume))
    page = check_page(text, pictures=7)
    assert HOSTILE not in text
    assert "onerror" not in {name for _, attributes in page.tags for name in attributes}
    assert HOSTILE in " ".join(page.words)


def test_verdict_names_what_is_not_independent(model: ExcursionModel, section: Section) -> None:
    known = model.with_provenance(origin_of((SIDE, SIDE), sha256=section.sha256))
    verdict = comparison_verdict(compare(known, [section], realizations=8, max_lag=9.0), known)
    assert "this is no independent test" in verdict.lines[-1]


def test_wrong_model_is_told_in_words(section: Section) -> None:
    wrong = small_model(length=6.0)
    verdict = comparison_verdict(compare(wrong, [section], realizations=16, max_lag=20.0), wrong)
    assert verdict.style == "failed"
    assert verdict.word == "Not passed: the sections differ from those of the model."
    assert re.match(r"\d+ of 33 quantities lie outside", verdict.lines[0])


def test_comparing_loads_no_plotting() -> None:
    script = (
        "import sys, morphgen.validation, json\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(json.dumps(sorted(names & {'matplotlib', 'jinja2', 'torch'})))"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert run.stdout.strip() == "[]"


def test_curves_of_other_shapes_are_refused() -> None:
    lag = np.zeros(5)
    with pytest.raises(InputError, match="shapes"):
        CalibrationCurves(lag, np.zeros((2, 2, 5)), np.zeros((2, 2, 4)), np.zeros((2, 2, 5)), lag)
