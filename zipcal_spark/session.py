"""A SparkSession for those who have none; one of the caller's is used as it is and never stopped."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from zipcal_spark.errors import ZipcalError
from zipcal_spark.java import use_java

_LOCAL = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.ui.enabled": "false",
}


@contextmanager
def spark_session(
    master: str | None = None, conf: tuple[str, ...] = (), log: Path | None = None
) -> Iterator[SparkSession]:
    """The session that is active here, or one made for this block and stopped after it.

    Parameters
    ----------
    master : str, optional
        local[*] where neither this nor spark-submit says otherwise.
    conf : tuple of str
        Settings as KEY=VALUE.
    log : Path, optional
        Where the JVM writes what it would write on the terminal.

    Raises
    ------
    JavaNotFound
        No Java 17 or newer is here, and none could be fetched.
    ZipcalError
        Spark does not start.
    """
    active = SparkSession.getActiveSession()
    if active is not None:
        yield active
        return
    settings = {"spark.app.name": "zipcal", "spark.ui.showConsoleProgress": "false"}
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ  # by spark-submit, which has set the rest
    if not submitted:
        use_java()
        settings["spark.master"] = master or "local[*]"
        if settings["spark.master"].startswith("local"):
            settings |= _LOCAL
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    elif master:
        settings["spark.master"] = master
    settings |= dict(setting.split("=", 1) for setting in conf)
    builder = SparkSession.builder
    for key, value in settings.items():
        builder = builder.config(key, value)
    try:
        with _stderr_to(log):
            spark = builder.getOrCreate()
    except Exception as error:
        raise ZipcalError(f"Spark did not start ({_first_line(error)}): check --master and --conf.") from error
    if threading.current_thread() is threading.main_thread():
        # pyspark's own handler talks to the JVM in the middle of another talk; stopping the session cancels all.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        spark.sparkContext.setLogLevel("ERROR")
        yield spark
    finally:
        spark.stop()


@contextmanager
def _stderr_to(log: Path | None) -> Iterator[None]:
    """Let processes that are started in this block write their errors to a file."""
    if log is None:
        yield
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    try:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
