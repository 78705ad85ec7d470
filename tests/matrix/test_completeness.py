"""The table of capabilities forgets no public function, and gives a reason for what it leaves out.

A function is one of arrays of any library if its signature says ``Array``, or takes an array module
``xp``; in the files of laws and orthants also where an argument is ``Any``, a float or an array.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from matrix.capabilities import OTHERS, Capability
from matrix.cases import CAPABILITIES
from matrix.libraries import NAMES, library_of

# all public functions of these, and what those below export
ROOMS = ("fields", "excursion", "descriptors")
EXPORTING = ("morphgen", "morphgen.descriptors", "morphgen.excursion", "morphgen.images")
ANY_LIBRARY = re.compile(r"(?<![\w.])Array(?![\w\[])")
ON_HOST = re.compile(r"(?<![\w.])(?:np\.ndarray|NDArray|Labels|Windowed|ImageLike)\b")
NUMBERS = ("morphgen.fields.laws", "morphgen.fields.orthants")
NOT_LISTED = {
    "descriptors.parts.whole": "pads what `measure` has checked",
    "images.large.large_labels": "a description of what is read later, box by box",
}


def modules() -> Iterator[ModuleType]:
    """Modules of the rooms that have public names."""
    for room in ROOMS:
        package = importlib.import_module(f"morphgen.{room}")
        yield package
        for found in pkgutil.iter_modules(package.__path__):
            if not found.name.startswith("_"):
                yield importlib.import_module(f"morphgen.{room}.{found.name}")


def public_callables() -> Iterator[tuple[str, Any]]:
    """Qualified names of public functions, methods and properties, and what they run."""
    for module in modules():
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
                continue
            home = f"{module.__name__}.{name}"
            if callable(value) and inspect.isfunction(inspect.unwrap(value)):
                yield home, inspect.unwrap(value)
            elif inspect.isclass(value):
                for member, method in vars(value).items():
                    run = getattr(method, "fget", None) or getattr(method, "func", None) or method
                    if not member.startswith("_") and inspect.isfunction(run):
                        yield f"{home}.{member}", run


def annotations(function: Any) -> dict[str, str]:
    return {name: str(text) for name, text in function.__annotations__.items()}


def of_any_library(name: str, function: Any) -> bool:
    if getattr(function, "__isabstractmethod__", False):
        return False
    found = annotations(function)
    found.pop("device", None)
    numbers = name.startswith(NUMBERS) and any(text == "Any" for text in found.values())
    return numbers or "xp" in found or any(map(ANY_LIBRARY.search, found.values()))


def of_host_arrays(function: Any) -> bool:
    found = annotations(function)
    found.pop("return", None)
    return any(map(ON_HOST.search, found.values()))


def short(name: str) -> str:
    return name.removeprefix("morphgen.")


LISTED = {name for one in CAPABILITIES for name in one.names}
ALL = dict(public_callables())
EXPORTED = {
    f"{value.__module__}.{value.__qualname__}": value
    for room in map(importlib.import_module, EXPORTING)
    for value in (getattr(room, name) for name in room.__all__)
    if inspect.isfunction(value)
}
ALL |= EXPORTED


def test_every_function_of_arrays_is_listed() -> None:
    found = {
        short(name)
        for name, function in ALL.items()
        if of_any_library(name, function) or (name in EXPORTED and of_host_arrays(function))
    }
    assert len(found) > 50
    assert not found - LISTED - set(NOT_LISTED), "add them to tests/matrix, with an example"


def test_nothing_is_listed_that_does_not_exist() -> None:
    classes = {"tiles.view.LazyVolume"}
    assert not LISTED - classes - set(map(short, ALL))
    assert not set(NOT_LISTED) - set(map(short, ALL))


def reasons(one: Capability) -> list[str]:
    read = [one.reads.why] if one.reads else []
    return [*one.refused.values(), *read, *([one.shapes] if one.shapes else [])]


@pytest.mark.parametrize("one", CAPABILITIES, ids=lambda one: one.title)
def test_what_is_left_out_has_a_reason(one: Capability) -> None:
    assert all(len(reason.split()) > 3 for reason in reasons(one))
    assert set(one.refused) <= set(OTHERS)


def test_every_library_has_a_variant() -> None:
    assert {library_of(name) for name in NAMES} == {"numpy", *OTHERS}
