"""Parameter studies: scenarios of a model, their table, and what relates its columns."""

from morphgen.excursion.fractions import with_fractions
from morphgen.studies.estimates import library_memory, measuring_memory, probe_shape
from morphgen.studies.parameters import varied_model
from morphgen.studies.parsing import parse_study, read_study
from morphgen.studies.relations import Relation, relate
from morphgen.studies.request import Design, StudyRequest, Variable
from morphgen.studies.rows import Row, StudyFolder, row_of, versions_of
from morphgen.studies.run import Job, job_of, run_job
from morphgen.studies.scenarios import Scenario, cautions, scenarios
from morphgen.studies.table import Table, read_table, require_parquet, write_table

__all__ = [
    "Design",
    "Job",
    "Relation",
    "Row",
    "Scenario",
    "StudyFolder",
    "StudyRequest",
    "Table",
    "Variable",
    "cautions",
    "job_of",
    "library_memory",
    "measuring_memory",
    "parse_study",
    "probe_shape",
    "read_study",
    "read_table",
    "relate",
    "require_parquet",
    "row_of",
    "run_job",
    "scenarios",
    "varied_model",
    "versions_of",
    "with_fractions",
    "write_table",
]
