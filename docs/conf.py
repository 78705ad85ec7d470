"""Sphinx settings; nothing here needs a network."""

import sys
from importlib import import_module
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "figures"))
FIGURES = (
    "algorithms",
    "backends",
    "balls",
    "beyond",
    "blindness",
    "graded",
    "lines_and_pairs",
    "paths",
    "shapes",
    "study",
    "thresholds",
    "training",
)

project = "morphgen"
author = "The morphgen developers"
project_copyright = "2026, The morphgen developers"
version = release = installed_version("morphgen")

# myst_nb brings myst_parser, and runs the notebook of the tutorial
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "figures"]

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 900
# SVG of a figure comes within its HTML, which has a text for readers who do not see it
nb_merge_streams = True

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "morphgen"


def draw_figures(app):
    """Draw the figures of the explanation pages, which are not kept in the repository."""
    folder = HERE / "_figures"
    folder.mkdir(exist_ok=True)
    for name in FIGURES:
        import_module(name).draw(folder)


def setup(app):
    """Draw before Sphinx looks for images."""
    app.connect("builder-inited", draw_figures)
