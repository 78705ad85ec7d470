"""Grow three-dimensional microstructures from two-dimensional images."""
