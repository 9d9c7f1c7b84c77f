"""`zipcal demo`: the whole road on the docstrings of Python's standard library and of the installed packages."""

from __future__ import annotations

from pathlib import Path

from zipcal_spark.config import DemoParameters, SelectJob
from zipcal_spark.docstrings import write_docstrings
from zipcal_spark.errors import InputError
from zipcal_spark.progress import Progress
from zipcal_spark.report import Report
from zipcal_spark.run import run_select


def demo_job(parameters: DemoParameters) -> SelectJob:
    """The job that the demo runs on the corpus that it writes."""
    folder = Path(parameters.folder)
    return SelectJob(
        input=(str(folder / "docstrings.parquet"),),
        output=str(folder / "out"),
        domain_column="domain",
        k=parameters.k,
        overwrite=True,
    )


def run_demo(parameters: DemoParameters, progress: Progress) -> Report:
    """Write the corpus and run the main job on it.

    Raises
    ------
    ZipcalError
        See `run.run_select`.
    """
    job = demo_job(parameters)
    progress.stage("Collecting docstrings of the installed Python packages")
    try:
        Path(parameters.folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{parameters.folder} cannot be made ({error}): choose another --folder.") from error
    documents = write_docstrings(Path(job.input[0]))
    progress.detail(f"{documents:,} in {job.input[0]}")
    return run_select(job, progress)
