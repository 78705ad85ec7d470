"""Calibration by sampled sections and discriminators: torch lives here and nowhere else."""
