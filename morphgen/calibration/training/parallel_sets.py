"""What tells field classes apart on a section: its parallel sets (THEORY 9).

Erosions and openings of growing radius, of every phase and of every complement: their areas and
Euler numbers. Two-point functions do not know them.
"""

from __future__ import annotations

import torch

# radii of erosions and openings, in steps of an eighth of a correlation length
RADII = 6
STEPS_PER_LENGTH = 8.0


def parallel_set_statistics(maps: torch.Tensor, step: int) -> torch.Tensor:
    """Areas and Euler numbers of the parallel sets of sections.

    Parameters
    ----------
    maps : tensor of 0 and 1, shape (batch, phases, rows, columns)
        Phases of the sections.
    step : int
        Pixels from one radius to the next.

    Returns
    -------
    tensor of float64, shape (batch, statistics)
        Per pixel; nothing lies beyond the border, for real and simulated sections alike.
    """
    phases = maps.to(torch.uint8)
    # of two phases, each is the complement of the other
    sets = phases if phases.shape[1] == 2 else torch.cat([phases, 1 - phases], dim=1)
    found = [_area(sets), _euler(sets)]
    outside = 1 - sets
    for radius in range(1, RADII + 1):
        outside = _grown(outside, radius, step)
        eroded = 1 - outside
        opened = eroded
        for back in range(radius, 0, -1):
            opened = _grown(opened, back, step)
        found += [_area(eroded), _euler(eroded), _area(opened), _euler(opened)]
    return torch.cat(found, dim=1)


def _grown(sets: torch.Tensor, radius: int, step: int) -> torch.Tensor:
    """Dilation by one radius: squares and diamonds in turn, which make an octagon."""
    for pixel in range(step):
        grown = sets.clone()
        grown[..., 1:, :] |= sets[..., :-1, :]
        grown[..., :-1, :] |= sets[..., 1:, :]
        across = grown.clone() if (radius + pixel) % 2 else sets
        grown[..., :, 1:] |= across[..., :, :-1]
        grown[..., :, :-1] |= across[..., :, 1:]
        sets = grown
    return sets


def _area(sets: torch.Tensor) -> torch.Tensor:
    return sets.sum(dim=(2, 3)).double() / (sets.shape[2] * sets.shape[3])


def _euler(sets: torch.Tensor) -> torch.Tensor:
    """Euler number per pixel from squares of four: see `section_euler_density`."""
    rows = sets[..., :-1, :] + sets[..., 1:, :]
    held = rows[..., :-1] + rows[..., 1:]
    # whole numbers are summed: arrays of float64 would take eight times as much fresh memory
    turns = (held == 1).sum(dim=(2, 3)) - (held == 3).sum(dim=(2, 3))
    return turns.double() / (4.0 * held.shape[2] * held.shape[3])
