"""Grow three-dimensional microstructures from two-dimensional images."""

from importlib import import_module as _import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from morphgen.calibration.result import CalibrationResult
    from morphgen.calibration.training.options import TrainingOptions
    from morphgen.descriptors.description import Description
    from morphgen.excursion.model import ExcursionModel, Field
    from morphgen.excursion.realization import Realization
    from morphgen.excursion.sections import section_sampler
    from morphgen.excursion.shared import SharedNoise
    from morphgen.excursion.storage import load_model
    from morphgen.images import Section, Volume, read_section, read_sections, read_volume
    from morphgen.images.demo import demo_section
    from morphgen.phases import Phase
    from morphgen.studies import read_study, read_table, relate
    from morphgen.study_workflow import plan_study, study
    from morphgen.tiles import LazyVolume, open_volume, plan, to_dask, verify
    from morphgen.tiles.export import export
    from morphgen.workflows import (
        CellParameters,
        calibrate,
        cell_parameters,
        describe,
        generate,
        read_description,
        reduce_model,
        validate,
        write_cell_parameters,
    )
    from morphgen.workflows.drawing import (
        draw_comparison,
        draw_curves,
        draw_fit,
        draw_gradient,
        draw_predictions,
        draw_responses,
        draw_section,
        draw_slices,
        draw_surfaces,
    )

    __version__: str

# where each public name lives: a module is loaded when one of its names is first used
_HOMES = {
    "CalibrationResult": "calibration.result",
    "CellParameters": "workflows.cell_parameters",
    "Description": "descriptors.description",
    "ExcursionModel": "excursion.model",
    "Field": "excursion.model",
    "GradedModel": "excursion.graded",
    "LazyVolume": "tiles",
    "Phase": "phases",
    "Profile": "excursion.profile",
    "Realization": "excursion.realization",
    "Section": "images",
    "SharedNoise": "excursion.shared",
    "TrainingOptions": "calibration.training.options",
    "Volume": "images",
    "calibrate": "workflows",
    "cell_parameters": "workflows.cell_parameters",
    "demo_section": "images.demo",
    "describe": "workflows",
    "draw_comparison": "workflows.drawing",
    "draw_curves": "workflows.drawing",
    "draw_fit": "workflows.drawing",
    "draw_gradient": "workflows.drawing",
    "draw_predictions": "workflows.drawing",
    "draw_responses": "workflows.drawing",
    "draw_section": "workflows.drawing",
    "draw_slices": "workflows.drawing",
    "draw_surfaces": "workflows.drawing",
    "export": "tiles.export",
    "generate": "workflows",
    "load_model": "excursion.storage",
    "load_profile": "excursion.profile_files",
    "open_volume": "tiles",
    "plan": "tiles",
    "plan_study": "study_workflow",
    "read_description": "workflows.description_files",
    "read_section": "images",
    "read_sections": "images",
    "read_study": "studies",
    "read_table": "studies",
    "read_volume": "images",
    "reduce_model": "workflows",
    "relate": "studies",
    "section_sampler": "excursion.sections",
    "study": "study_workflow",
    "to_dask": "tiles",
    "validate": "workflows",
    "verify": "tiles",
    "write_cell_parameters": "workflows.cell_files",
}

__all__ = [
    "CalibrationResult",
    "CellParameters",
    "Description",
    "ExcursionModel",
    "Field",
    "GradedModel",
    "LazyVolume",
    "Phase",
    "Profile",
    "Realization",
    "Section",
    "SharedNoise",
    "TrainingOptions",
    "Volume",
    "calibrate",
    "cell_parameters",
    "demo_section",
    "describe",
    "draw_comparison",
    "draw_curves",
    "draw_fit",
    "draw_gradient",
    "draw_predictions",
    "draw_responses",
    "draw_section",
    "draw_slices",
    "draw_surfaces",
    "export",
    "generate",
    "load_model",
    "load_profile",
    "open_volume",
    "plan",
    "plan_study",
    "read_description",
    "read_section",
    "read_sections",
    "read_study",
    "read_table",
    "read_volume",
    "reduce_model",
    "relate",
    "section_sampler",
    "study",
    "to_dask",
    "validate",
    "verify",
    "write_cell_parameters",
]


def __getattr__(name: str) -> _Any:
    if name == "__version__":
        return _version("morphgen")
    if name not in __all__:
        raise AttributeError(f"module 'morphgen' has no attribute {name!r}")
    return getattr(_import_module(f"morphgen.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
