"""The jobs from end to end: a session, a corpus, the road, the output. Command line and `jobs/` call these."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from zipcal_spark.config import JobParameters, SelectJob, StatsJob
from zipcal_spark.errors import RunFailed, ZipcalError, cause_of
from zipcal_spark.progress import Progress
from zipcal_spark.report import Report
from zipcal_spark.session import spark_session, works_here
from zipcal_spark.warm import load_for_driver, wake_workers


def run_select(job: SelectJob, progress: Progress) -> Report:
    """Run `zipcal select`.

    Raises
    ------
    InputError
        The input or the output is at fault.
    ZipcalError
        The run failed; nothing was written.
    """
    with _session(job, progress) as spark:
        from zipcal_spark import corpus, pipeline

        with pipeline.select(corpus.from_paths(spark, job, job), job, progress) as result:
            return result.write(job.output, job.output_format, job.overwrite)


def run_stats(job: StatsJob, progress: Progress) -> Report:
    """Run `zipcal stats`; errors as for `run_select`."""
    with _session(job, progress) as spark:
        from zipcal_spark import corpus, pipeline

        with pipeline.statistics(corpus.from_paths(spark, job, job), job, progress) as result:
            return result.write(job.output, job.output_format, job.overwrite)


@contextmanager
def _session(job: JobParameters, progress: Progress) -> Iterator[SparkSession]:
    """A session for the block; what the JVM has to say goes to a file that is kept only if the run fails."""
    handle, name = tempfile.mkstemp(prefix="zipcal-", suffix=".log")
    os.close(handle)
    log = Path(name)
    try:
        progress.stage("Starting Spark")
        # While the JVM starts, and while the input is looked at.
        threading.Thread(target=load_for_driver, daemon=True).start()
        with spark_session(job.master, job.conf, log) as spark:
            if works_here(spark):
                threading.Thread(target=wake_workers, args=(spark,), daemon=True).start()
            progress.stage("Looking at the input")
            from zipcal_spark.corpus import split_name
            from zipcal_spark.output import check_output

            paths = tuple(split_name(given)[1] for given in job.input)
            check_output(spark, job.output, job.overwrite, paths)
            yield spark
    except ZipcalError:
        log.unlink()
        raise
    except Exception as error:
        sentence = f"The run failed, and nothing was written ({cause_of(error)})"
        raise RunFailed(f"{sentence}: Spark's log is {log}.") from error
    except BaseException:
        log.unlink()
        raise
    log.unlink()
