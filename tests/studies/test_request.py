"""STUDY.toml: what it may hold, and what is said of what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from morphgen.errors import InputError
from morphgen.studies import parse_study, read_study
from morphgen.studies.parsing import plain_study, study_of

HEAD = 'shape = [8, 8, 8]\ndesign = { kind = "grid" }\n'
FRACTION = "[[vary]]\nparameter = 'volume_fraction'\nphase = 'pore'\n"
SEED = '[[vary]]\nparameter = "seed"\nvalues = [1, 2]\n'


def varying(lines: str, design: str = '{ kind = "grid" }') -> str:
    return f"shape = [8, 8, 8]\ndesign = {design}\n[[vary]]\n{lines}\n"


def test_a_study_is_the_same_as_plain_values() -> None:
    found = parse_study(
        varying('parameter = "axial_factor"\nfield = 1\naxis = "z"\nrange = [0.5, 2]',
                '{ kind = "sobol", points = 8, seed = 3 }')
    )  # fmt: skip
    assert study_of(plain_study(found)) == found
    assert [one.name for one in found.vary] == ["set.axial_factor.1.z"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("shap = [8, 8, 8]", "key 'shap' is not known; did you mean 'shape'"),
        (HEAD + "[[vary]]\nparametre = 'seed'", r"'parametre' in \[vary\] .* 'parameter'"),
        ("design = { kynd = 1 }", r"'kynd' in \[design\] is not known; did you mean 'kind'"),
        ("qqqq = 1", "expected shape, design, vary"),
        (HEAD, "vary is missing"),
        ("shape = ", "not valid TOML"),
        (HEAD.replace("8, 8]", "8]") + SEED, "shape"),
        (HEAD.replace("8, 8]", "8, 1]") + SEED, "expected three sides of 2 or more"),
        (HEAD + SEED + SEED, "expected each parameter once"),
        ("realizations = 2\n" + HEAD + SEED, "seed is varied"),
        ("seed = -1\n" + HEAD + SEED, "seed -1"),
        ("descriptors = []\n" + HEAD + SEED, "descriptors is empty"),
        ("descriptors = ['two_point_coverage']\n" + HEAD + SEED, "is no number of a volume"),
        (
            "descriptors = ['constrictivity', 'constrictivity']\n" + HEAD + SEED,
            "descriptors: constrictivity stands there 2 times",
        ),
        ("rest = 'pore'\n" + HEAD + SEED, "rest is 'pore': no volume fraction is varied"),
        (
            "realizations = 100000000000\n" + HEAD + FRACTION + "values = [0.1]",
            "1 points with 100000000000 realizations: expected 100000 scenarios at most",
        ),
        (HEAD + FRACTION + "range = [0.1, 0.2]\nsteps = 2000000000", "2000000000 points"),
        (
            HEAD + FRACTION + "range = [0.1, 0.2]\nsteps = 400\n"
            "[[vary]]\nparameter = 'seed'\nrange = [1, 500]\nsteps = 500",
            "200000 points with 1 realizations",
        ),
        (
            varying("parameter = 'seed'\nrange = [1, 2]", "{ kind = 'sobol', points = 131072 }"),
            "131072 points",
        ),
        ("when = 2020-01-01\n" + HEAD + SEED, "'when' is not known"),
        (varying("parameter = 'length'\nvalues = [1]"), "vary.0.parameter is 'length'"),
        (varying("parameter = 'seed'\nvalues = [nan]"), "finite"),
        (varying("parameter = 'seed'\nvalues = [1.5]"), "expected integers"),
        (varying("parameter = 'seed'"), "expected either values"),
        (varying("parameter = 'seed'\nvalues = [1, 1]"), "1 stands there 2 times"),
        (varying("parameter = 'seed'\nvalues = [1]\nsteps = 2"), "belong to a range"),
        (varying("parameter = 'seed'\nrange = [1, 4]"), "expects steps"),
        (varying("parameter = 'seed'\nrange = [1, 4]\nsteps = 1"), "expected 2 or more"),
        (varying("parameter = 'seed'\nrange = [4, 1]\nsteps = 2"), "is empty"),
        (varying("parameter = 'length_factor'\nvalues = [1]"), "is given nothing: expected field"),
        (varying("parameter = 'seed'\nfield = 1\nvalues = [1]"), "is given field: expected none"),
        (
            varying("parameter = 'length_factor'\nfield = 1\nrange = [0, 1]\nscale = 'log'"),
            "a log scale begins at 0",
        ),
        (varying("parameter = 'seed'\nvalues = [1]", "{ kind = 'sobol' }"), "a number of points"),
        (varying("parameter = 'seed'\nvalues = [1]", "{ kind = 'grid', points = 2 }"), "no points"),
        (
            varying("parameter = 'seed'\nvalues = [1]", "{ kind = 'sobol', points = 60 }"),
            "such as 32 or 64",
        ),
        (
            varying("parameter = 'seed'\nvalues = [1]", "{ kind = 'sobol', points = 0 }"),
            "0 points; expected 1",
        ),
        (
            varying("parameter = 'seed'\nrange = [1, 2]", "{ kind = 'list' }"),
            "a design list expects values",
        ),
        (
            varying("parameter = 'seed'\nvalues = [1, 2, 1]", "{ kind = 'list' }"),
            r"design list: \(1,\) stands there 2 times",
        ),
    ],
)
def test_what_no_study_has(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_study(text)


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    with pytest.raises(InputError, match="study.toml cannot be read"):
        read_study(file)
    file.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match="not UTF-8"):
        read_study(file)
    file.write_text(HEAD + SEED + "x = 1")
    with pytest.raises(InputError, match=r"study.toml: key 'x' in \[vary\]"):
        read_study(file)
