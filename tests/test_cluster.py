"""Beyond one process: a standalone cluster of two workers, and local-cluster, give the bits that one process gives."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyspark
import pytest

from zipcal_spark.java import use_java

pytestmark = pytest.mark.slow

WORKERS = ("127.0.0.1", "127.0.0.2")
FILES = 8


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """A folder of files, so that every executor has something to read."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(31)
    for file in range(FILES):
        texts = [" ".join(f"t{t}" for t in rng.zipf(1.15, 60) % 50_000) for _ in range(2_500)]
        ids = [f"{file}-{n:05d}" for n in range(len(texts))]
        pq.write_table(pa.table({"id": ids, "text": texts}), folder / f"{file}.parquet")
    return folder


def run(corpus: Path, output: Path, *arguments: str) -> dict:
    """What `zipcal select` writes, but for times and paths."""
    zipcal = str(Path(sys.executable).with_name("zipcal"))
    command = [zipcal, "select", "--input", str(corpus), "--output", str(output), "--k", "300", *arguments]
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable}  # what the executors run
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr
    report = json.loads((output / "report.json").read_text())
    tables = {
        name: pq.read_table(output / name).sort_by(key).to_pydict()
        for name, key in (("selection", "rank"), ("vocabulary", "rank"), ("quarantine", "id"))
    }
    return tables | {name: report[name] for name in ("documents", "vocabulary", "selection")}


@pytest.fixture(scope="module", params=["uniform", "rarity"])
def weights(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def wanted(corpus, weights, tmp_path_factory) -> dict:
    return run(corpus, tmp_path_factory.mktemp("local") / "out", "--weights", weights, "--master", "local[1]")


def hosts(events: Path) -> dict[str, set[str]]:
    """Which executors, by host, have ended tasks."""
    found: dict[str, set[str]] = {}
    for log in events.rglob("events_*"):
        for line in log.read_text().splitlines():
            event = json.loads(line)
            if event["Event"] == "SparkListenerTaskEnd" and event["Task End Reason"]["Reason"] == "Success":
                found.setdefault(event["Task Info"]["Host"], set()).add(event["Task Info"]["Executor ID"])
    return found


def settings(events: Path) -> list[str]:
    events.mkdir()
    given = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executor.memory": "1g",
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.dir": events.as_uri(),
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "5",
        # A task does not wait for the executor that has its data: both get some.
        "spark.locality.wait": "0",
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
    }
    return [word for name, value in given.items() for word in ("--conf", f"{name}={value}")]


def test_local_cluster_gives_the_same_bits(corpus, weights, wanted, tmp_path):
    events = tmp_path / "events"
    master = ("--master", "local-cluster[2,1,1024]")
    got = run(corpus, tmp_path / "out", "--weights", weights, *master, *settings(events))
    assert got == wanted
    assert set().union(*hosts(events).values()) == {"0", "1"}


def test_standalone_cluster_gives_the_same_bits(corpus, weights, wanted, tmp_path):
    events = tmp_path / "events"
    with standalone_cluster(tmp_path) as master:
        got = run(corpus, tmp_path / "out", "--weights", weights, "--master", master, *settings(events))
    assert got == wanted
    assert set(hosts(events)) == set(WORKERS)


@contextmanager
def standalone_cluster(folder: Path) -> Iterator[str]:
    """A master and two workers of one core; the master's address."""
    with ExitStack() as processes:
        log = processes.enter_context(daemon(folder / "master", "master.Master", "--host", "127.0.0.1", "--port", "0"))
        master = wait_for(log, r"Starting Spark master at (spark://\S+)")
        for host in WORKERS:
            size = ("--cores", "1", "--memory", "1g", "--work-dir", str(folder / host))
            processes.enter_context(daemon(folder / f"worker-{host}", "worker.Worker", "--host", host, *size, master))
            wait_for(folder / f"worker-{host}", "Successfully registered with master")
        yield master


@contextmanager
def daemon(log: Path, name: str, *arguments: str) -> Iterator[Path]:
    use_java()
    spark = Path(pyspark.__file__).parent
    command = [str(spark / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", "--webui-port", "0", *arguments]
    environment = os.environ | {"SPARK_HOME": str(spark), "PYSPARK_PYTHON": sys.executable, "SPARK_NO_DAEMONIZE": "1"}
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file, env=environment) as process:
        try:
            yield log
        finally:
            process.terminate()
            process.wait(30)


def wait_for(log: Path, pattern: str) -> str:
    """What the pattern's group, or the pattern, matches in a log, as soon as it is there."""
    for _ in range(600):
        if found := re.search(pattern, log.read_text(errors="replace")):
            return found[found.re.groups]
        time.sleep(0.1)
    raise AssertionError(f"{pattern} is not in {log.read_text(errors='replace')[-2000:]}")
