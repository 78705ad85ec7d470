"""What is known of a public array function: how it is called, what it gives, where it does not run.

One table of these drives the tests of the matrix, those of transfers, the test that no function is
forgotten, and the table of the reference page "Array libraries and devices".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# functions that are typed for NumPy and refuse everything else in one line
OTHERS = ("torch", "cupy", "jax", "array-api-strict", "dask")


@dataclass(frozen=True)
class Reads:
    """Values that are read on the host by design.

    Attributes
    ----------
    most : int
        Largest number of elements that the example may read.
    why : str
        What is read, and why on the host.
    """

    most: int
    why: str


@dataclass(frozen=True, eq=False)
class Capability:
    """A public function or method and an example of its use.

    Attributes
    ----------
    names : tuple of str
        Qualified names of what the example runs, without "morphgen.".
    call : callable
        Takes the arrays, or, if there are none, the array module and the device.
    arrays : tuple of ndarray
        Example arguments. Those of floating point are given as float32 and as float64.
    result : str
        dtype of the results: "input" for that of the arguments, or its name.
    tolerance, coarse : float
        Largest absolute difference from NumPy's result with float64, and with float32.
    reads : Reads, optional
        What is read on the host.
    shapes : str
        Why shapes depend on data, which compilers and the standard's strictest form forbid.
    refused : dict of str to str
        Libraries that are refused in one line, and why.
    """

    names: tuple[str, ...]
    call: Callable[..., Any]
    arrays: tuple[np.ndarray, ...] = ()
    result: str = "input"
    tolerance: float = 1e-12
    coarse: float = 2e-5
    reads: Reads | None = None
    shapes: str = ""
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The first name."""
        return self.names[0]

    @property
    def generates(self) -> bool:
        """Whether it makes arrays of a module that is named, instead of taking arrays."""
        return not self.arrays

    @property
    def floating(self) -> bool:
        """Whether an argument is of floating point."""
        return any(one.dtype.kind == "f" for one in self.arrays)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """dtypes that its floating-point arguments are given in; one, if there are none."""
        return ("float64", "float32") if self.floating else ("",)

    def expected_dtype(self, dtype: str) -> str:
        """Name of the dtype of its results."""
        return (dtype or "uint8") if self.result == "input" else self.result

    def host_arrays(self, dtype: str) -> list[np.ndarray]:
        """Example arguments on the host."""
        return [one.astype(dtype) if one.dtype.kind == "f" else one for one in self.arrays]


def refused_elsewhere(why: str) -> dict[str, str]:
    """Refusals of a function that takes NumPy arrays alone."""
    return dict.fromkeys(OTHERS, why)
