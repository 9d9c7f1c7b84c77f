"""Sessions: the caller's is used and left alone, one of our own is made and stopped."""

from __future__ import annotations

import subprocess
import sys

from zipcal_spark.errors import cause_of
from zipcal_spark.session import spark_session

OWN = """
import os, sys
from pathlib import Path
from pyspark.sql import SparkSession
from zipcal_spark.session import spark_session

log = Path(sys.argv[1])
with spark_session("local[1]", ("spark.sql.shuffle.partitions=3",), log) as spark:
    print(spark.conf.get("spark.sql.shuffle.partitions"), spark.sparkContext.master)
    print(spark.conf.get("spark.ui.showConsoleProgress"))
    print(spark.range(5).mapInArrow(lambda batches: batches, "id long").count())
    spark.sql("select assert_true(true)").collect()
    os.write(2, b"stderr is ours again")
print(SparkSession.getActiveSession())
"""


def test_the_callers_session_is_used_and_not_stopped(spark):
    with spark_session("local[7]", ("spark.sql.shuffle.partitions=99",)) as session:
        assert session is spark
    assert spark.conf.get("spark.sql.shuffle.partitions") == "4"
    assert spark.range(3).count() == 3


def test_a_session_of_our_own_has_its_settings_says_nothing_and_is_stopped(tmp_path):
    log = tmp_path / "spark.log"
    done = subprocess.run([sys.executable, "-c", OWN, str(log)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["3 local[1]", "false", "5", "None"]
    assert done.stderr == "stderr is ours again"
    assert log.exists()


def test_cause_of_an_error_in_a_python_worker_is_its_last_line():
    text = """An exception was thrown from the Python worker:
Traceback (most recent call last):
  File "worker.py", line 3602, in main
    import pyarrow
ModuleNotFoundError: No module named 'pyarrow'

"""
    assert cause_of(RuntimeError(text)) == "a Python worker failed: ModuleNotFoundError: No module named 'pyarrow'"
    assert cause_of(RuntimeError("no memory.\nmore")) == "no memory"
