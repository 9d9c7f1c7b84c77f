"""A SparkSession for those who have none; one of the caller's is used as it is and never stopped."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pyspark.sql import SparkSession

from zipcal_spark.archive import archive_options
from zipcal_spark.errors import ZipcalError, cause_of
from zipcal_spark.java import use_java

# A run is short, and Python does the work: compiling less, and collecting with one thread and seldom, leave it the
# cores.
JAVA_OPTIONS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xms2g -Xmn1g"
_LOCAL = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.files.minPartitionNum": str(4 * (os.cpu_count() or 1)),  # so that no core is long alone with the last
    "spark.sql.unionOutputPartitioning": "false",  # else the few tasks that rank the vocabulary would be one
    # Blocks go to the workers one by one, while they are in the processor's cache.
    "spark.sql.execution.arrow.maxBytesPerBatch": str(4 << 20),
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
        home = use_java()
        settings["spark.master"] = master or "local[*]"
        if settings["spark.master"].startswith("local"):
            settings |= _LOCAL | {"spark.driver.extraJavaOptions": JAVA_OPTIONS + archive_options(home)}
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    elif master:
        settings["spark.master"] = master
    settings |= dict(setting.split("=", 1) for setting in conf)
    builder = SparkSession.builder
    for key, value in settings.items():
        builder = builder.config(key, value)
    interrupts: list[int] = []
    try:
        # A JVM that is just starting would be left behind.
        with _stderr_to(log), _on_interrupt(lambda frame: interrupts.append(1)):
            spark = builder.getOrCreate()
    except Exception as error:
        cause = _last_error(log) or cause_of(error)
        raise ZipcalError(f"Spark did not start ({cause}): check --master and --conf.") from error
    stopper = threading.Thread(target=spark.stop)

    def interrupt(frame: FrameType | None) -> None:
        if not _talks_to_jvm(frame) or stopper.ident:  # the second time at once
            raise KeyboardInterrupt
        stopper.start()

    try:
        with _on_interrupt(interrupt):
            if interrupts:
                raise KeyboardInterrupt
            spark.sparkContext.setLogLevel("ERROR")
            yield spark
    except Exception:
        if stopper.ident:
            raise KeyboardInterrupt from None
        raise
    finally:
        if not stopper.ident:
            stopper.start()
        stopper.join()


def works_here(spark: SparkSession) -> bool:
    """Whether all of a session's workers are processes of this machine."""
    has_jvm = getattr(spark, "_jvm", None) is not None  # else it is of Spark Connect, whose server may be anywhere
    return has_jvm and re.fullmatch(r"local(\[.*\])?", str(spark.conf.get("spark.master", ""))) is not None


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


@contextmanager
def _on_interrupt(handle: Callable[[FrameType | None], None]) -> Iterator[None]:
    """What Ctrl-C does in this block, whatever handler pyspark sets."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, lambda number, frame: handle(frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _talks_to_jvm(frame: FrameType | None) -> bool:
    """Whether a call to the JVM waits for its answer: cut short, it leaves a connection that what follows trips over.

    The session is stopped from another thread then, and the call ends with an error.
    """
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("py4j."):
            return True
        frame = frame.f_back
    return False


def _last_error(log: Path | None) -> str | None:
    """The last error that the JVM wrote to its log, in a line."""
    lines = log.read_text(errors="replace").splitlines() if log else []
    errors = [found[1] for line in lines if (found := re.search(r"(?:^|\s)[\w.]*(?:Exception|Error): (.+)", line))]
    return errors[-1].strip().rstrip(".") if errors else None
