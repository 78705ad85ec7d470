"""Sphinx settings; nothing here needs a network."""

from importlib.metadata import version as installed_version

project = "morphgen"
author = "The morphgen developers"
project_copyright = "2026, The morphgen developers"
version = release = installed_version("morphgen")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "morphgen"
