"""One Spark session for the whole suite; corpora; the comparison with the oracle."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def spark() -> Iterator:
    """A session that retries failed tasks: plain local[N] never does."""
    from pyspark.sql import SparkSession

    from zipcal_spark.java import use_java

    use_java()
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local[2,4]")
        .appName("zipcal-tests")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def files_of_runs(pid: int) -> list[Path]:
    """Folders of a process's runs, see `result.Kept`."""
    return list(Path(tempfile.gettempdir()).glob(f"zipcal-run-{pid}-*"))


def shared_file(name: str) -> Path:
    """A file of real text; the test skips where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"real text {name} is not here")
    return path


@pytest.fixture
def true_partitions(monkeypatch):
    """Keep small corpora in the partitions that they are given."""
    monkeypatch.setattr("zipcal_spark.counting.TASK_DOCUMENTS", 1)


@pytest.fixture
def frame(spark):
    """Make a DataFrame of (id, text) rows in so many partitions."""

    def make(documents: list[tuple], partitions: int = 2):
        ids, texts = zip(*documents, strict=True)
        id_type = pa.int64() if isinstance(ids[0], int) else pa.string()
        table = pa.table({"id": pa.array(ids, id_type), "text": pa.array(texts, pa.string())})
        return spark.createDataFrame(table).repartition(partitions)

    return make
