"""The archive of Spark's classes, parsed and checked, with which a session of our own starts some seconds sooner.

Run as ``python -m zipcal_spark.archive``, it makes one for this user's Java and Spark, once. Without one all works,
and starts later. (Java's application class-data sharing, JEP 350.)
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyspark

from zipcal_spark.java import use_java

# What the JVM has to say of archives is not for the terminal.
_QUIET = "-Xlog:cds*=off"
_RECORDED = """
import sys
import pyarrow as pa, pyarrow.parquet as pq
from zipcal_spark.config import SelectJob
from zipcal_spark.progress import Silent
from zipcal_spark.run import run_select
from zipcal_spark.session import JAVA_OPTIONS
folder, part = sys.argv[1:]
pq.write_table(pa.table({"id": ["a", "b"], "text": ["some words", "some others"]}), f"{folder}/in.parquet")
options = f"spark.driver.extraJavaOptions={JAVA_OPTIONS} -XX:ArchiveClassesAtExit={part} -Xlog:cds*=off"
run_select(SelectJob(input=(f"{folder}/in.parquet",), output=f"{folder}/out", k=1, conf=(options,)), Silent())
"""


def _place(home: Path) -> Path:
    """Where the archive for a Java and this Spark is, if there is one."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zipcal-spark"
    release = home / "release"
    known = [str(home), release.read_text() if release.exists() else "", pyspark.__version__, pyspark.__file__]
    return cache / f"classes-{hashlib.sha256(repr(known).encode()).hexdigest()[:16]}.jsa"


def archive_options(home: Path) -> str:
    """Options by which a JVM of this home uses the archive; none where there is no archive."""
    try:
        place = _place(home)
    except (OSError, RuntimeError):  # this user has no home folder, or may not look into it
        return ""
    return f" -XX:SharedArchiveFile={place} {_QUIET}" if place.exists() else ""


def make() -> Path:
    """Make the archive where there is none, by the record of a small run.

    Raises
    ------
    OSError, RuntimeError, subprocess.SubprocessError
        It could not be made.
    """
    home = use_java()
    place = _place(home)
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        part = Path(folder, place.name)
        # The JVM writes it when Python has ended; it holds the pipe until then.
        command = [sys.executable, "-c", _RECORDED, folder, str(part)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        java = [str(home / "bin" / "java"), f"-XX:SharedArchiveFile={part}", _QUIET, "-version"]
        subprocess.run(java, check=True, capture_output=True, timeout=60)
        part.rename(place)  # whole: a JVM would fall over a part of one
    return place


def main() -> int:
    """Make the archive and print where it is; return the exit status."""
    try:
        print(f"Classes for short starts: {make()}")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"No archive of classes could be made ({error}): all works without, and starts later.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
