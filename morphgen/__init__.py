"""Grow three-dimensional microstructures from two-dimensional images."""

from importlib.metadata import version as _version

__version__ = _version("morphgen")
