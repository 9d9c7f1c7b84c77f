"""Files of any scheme that Spark knows, by Hadoop's file systems in the session's JVM."""

from __future__ import annotations

from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from zipcal_spark.errors import InputError, ZipcalError, cause_of


class Files:
    """The file system of a path.

    Parameters
    ----------
    spark : SparkSession
        With a JVM of its own: a Spark Connect session has none here.
    path : str
        A path or URI; its scheme says which file system.

    Raises
    ------
    InputError
        No file system is known for the path's scheme.
    ZipcalError
        The session is of Spark Connect.
    """

    def __init__(self, spark: SparkSession, path: str) -> None:
        jvm = getattr(spark, "_jvm", None)
        if jvm is None:
            raise ZipcalError(
                "Paths cannot be handled through Spark Connect: read a DataFrame and pass it to ZipCal().select(df)."
            )
        self._path = jvm.org.apache.hadoop.fs.Path
        try:
            self._system: Any = self._path(path).getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())
        except Py4JJavaError as error:
            raise InputError(
                f"{path} cannot be reached ({error.java_exception.getMessage()}): check its scheme."
            ) from error

    def exists(self, path: str) -> bool:
        """Whether something is at the path, taken as it stands: no glob."""
        return bool(self._system.exists(self._path(path)))

    def found(self, pattern: str) -> bool:
        """Whether a glob finds something."""
        return bool(self._system.globStatus(self._path(pattern)))

    def qualified(self, path: str) -> str:
        """The path as an absolute URI."""
        return str(self._system.makeQualified(self._path(path)).toString())

    def names(self, folder: str) -> list[str]:
        """Names of what is in a folder; empty if there is no such folder."""
        if not self.exists(folder):
            return []
        return sorted(status.getPath().getName() for status in self._system.listStatus(self._path(folder)))

    def modified(self, path: str) -> float:
        """When it was last modified, in seconds since 1970."""
        return float(self._system.getFileStatus(self._path(path)).getModificationTime()) / 1000

    def move(self, source: str, target: str) -> None:
        """Rename; the target must not exist."""
        if not self._system.rename(self._path(source), self._path(target)):
            raise ZipcalError(f"{source} could not be renamed to {target}: check the rights to their folder.")

    def delete(self, path: str) -> None:
        """Delete a file, or a folder with all that is in it; nothing if it does not exist."""
        self._system.delete(self._path(path), True)

    def make_folder(self, path: str) -> None:
        """Make a folder, and those above it."""
        try:
            made = self._system.mkdirs(self._path(path))
        except Py4JJavaError as error:
            raise InputError(f"{path} cannot be made ({cause_of(error)}): write elsewhere.") from error
        if not made:
            raise InputError(f"{path} cannot be made: check the rights to its parent, or write elsewhere.")

    def read(self, path: str) -> bytes:
        """A small file's content."""
        stream = self._system.open(self._path(path))
        try:
            return bytes(stream.readAllBytes())
        finally:
            stream.close()

    def write(self, path: str, content: bytes) -> None:
        """Write a new file."""
        stream = self._system.create(self._path(path), False)
        try:
            stream.write(content)
        finally:
            stream.close()
