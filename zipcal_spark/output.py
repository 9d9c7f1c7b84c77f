"""All or nothing: a run's output is written aside and moved to its place when it is complete."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import DataFrame, SparkSession

from zipcal_spark.errors import InputError
from zipcal_spark.files import Files
from zipcal_spark.report import REPORT

# What another machine left is taken for dead after so many seconds; on this machine the process is looked for.
_ABANDONED = 24 * 3600
# What this process is writing now.
_WRITING: set[str] = set()


def check_output(spark: SparkSession, output: str, overwrite: bool, inputs: tuple[str, ...] = ()) -> None:
    """Find out before a run whether its output can be written.

    Raises
    ------
    InputError
        It exists and may not be replaced, or lies in an input.
    """
    files = Files(spark, output)
    _clean(files, *_split(files, output))
    place = files.qualified(output)
    for path in inputs:
        source = Files(spark, path).qualified(path)
        if _lies_in(place, source):
            raise InputError(f"The output {output} lies in the input {path}: write it elsewhere.")
        if _lies_in(source, place):
            raise InputError(f"The input {path} lies in the output {output}: write that elsewhere.")
    if not files.exists(output):
        return
    if not overwrite:
        raise InputError(f"{output} exists already: choose another --output, or replace it with --overwrite.")
    if files.names(output) and not _is_output(files, output):
        raise InputError(
            f"{output} is not an output of zipcal (no {REPORT} of one), so it is not replaced: choose another."
        )


@contextmanager
def written_aside(spark: SparkSession, output: str, overwrite: bool) -> Iterator[str]:
    """A folder to write to; it becomes `output` at the end of the block, or is gone if the block fails.

    Beside the output it is named after this process, so that a later run can tell what a dead one left.

    Raises
    ------
    InputError
        See `check_output`.
    """
    check_output(spark, output, overwrite)
    files = Files(spark, output)
    parent, name = _split(files, output)
    aside = f"{parent}/.{name}.zipcal-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    replaced = f"{aside}.replaced"
    files.make_folder(aside)
    _WRITING.add(aside)
    try:
        yield aside
        check_output(spark, output, overwrite)
        if files.exists(output):
            files.move(output, replaced)
        files.move(aside, output)
    except BaseException:
        files.delete(aside)
        if files.exists(replaced) and not files.exists(output):
            files.move(replaced, output)
        raise
    finally:
        _WRITING.discard(aside)
    files.delete(replaced)


def write_table(table: DataFrame, path: str, format_: str) -> None:
    """Write a table in one of `config.OutputFormat`."""
    table.write.format(format_).option("ignoreNullFields", "false").save(path)


def _split(files: Files, output: str) -> tuple[str, str]:
    """Parent, as a URI, and name of the output folder."""
    parent, _, name = files.qualified(output).rstrip("/").rpartition("/") if output.strip("/") else ("", "", "")
    if not name:
        raise InputError(f"{output} is no folder that could be written: name one below it.")
    return parent, name


def _lies_in(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip("/") + "/")


def _is_output(files: Files, folder: str) -> bool:
    """Whether a folder was written by `result.ZipCalResult.write`."""
    if not files.exists(f"{folder}/{REPORT}"):
        return False
    try:
        report = json.loads(files.read(f"{folder}/{REPORT}"))
    except ValueError:
        return False
    return isinstance(report, dict) and {"documents", "vocabulary", "selection", "parameters"} <= report.keys()


def _clean(files: Files, parent: str, name: str) -> None:
    """Delete what dead runs left beside the output; bring back what one had put away and not replaced."""
    pattern = re.compile(re.escape(f".{name}.zipcal-") + r"(?P<host>.+)-(?P<pid>\d+)-[0-9a-f]{8}(?P<old>\.replaced)?")
    for found in files.names(parent):
        match = pattern.fullmatch(found)
        if not match or not _is_dead(files, f"{parent}/{found}", match["host"], int(match["pid"])):
            continue
        if match["old"] and not files.exists(f"{parent}/{name}"):
            files.move(f"{parent}/{found}", f"{parent}/{name}")
        else:
            files.delete(f"{parent}/{found}")


def _is_dead(files: Files, path: str, host: str, pid: int) -> bool:
    if path.removesuffix(".replaced") in _WRITING:
        return False
    if pid == os.getpid():  # of an earlier process with this number, as after a restart of a container
        return True
    if host != socket.gethostname():
        return time.time() - files.modified(path) > _ABANDONED
    return is_dead(pid)


def is_dead(pid: int) -> bool:
    """Whether no process of this machine has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
