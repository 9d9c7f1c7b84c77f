"""The Java that Spark runs on: found on this machine, else fetched for this user.

Run as ``python -m zipcal_spark.java``, it makes sure of one and prints which.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from zipcal_spark.errors import JavaNotFound

OLDEST = 17  # the oldest Java that this Spark runs on, and the one that is fetched
_VERSION = re.compile(r'^\S+ version "((?:1\.)?(\d+)[^"]*)"', re.MULTILINE)
_HOME = re.compile(r"^\s*java\.home = (.+?)\s*$", re.MULTILINE)
_USERINFO = re.compile(r"(//|netloc=')[^/@\s]*@")  # of a mirror's URL, may be a password: not for messages


def parse_version(text: str) -> tuple[str, int] | None:
    """Read what ``java -version`` prints: the full version and its major number (``1.8.0_402`` is 8)."""
    found = _VERSION.search(text)
    return (found[1], int(found[2])) if found else None


def _probe(folder: str | Path) -> tuple[Path, str] | None:
    """Run the ``java`` of a ``bin`` folder: its home and version; None if absent, broken or too old."""
    java = shutil.which("java", path=str(folder))
    if java is None:
        return None
    # The settings name the real home, also where this java is a version manager's shim.
    command = [java, "-XshowSettings:properties", "-version"]
    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    version = parse_version(told := run.stderr.decode(errors="replace"))
    if version is None or version[1] < OLDEST:
        return None
    named = _HOME.search(told)
    home = Path(named[1]) if named else Path(java).resolve().parent.parent
    return (home, version[0]) if shutil.which("java", path=str(home / "bin")) else None


def find_java() -> Path | None:
    """Find a home of Java 17 or newer: JAVA_HOME, then PATH's folders; too old or broken is passed over."""
    if (home := os.environ.get("JAVA_HOME")) and _probe(Path(home, "bin")):
        return Path(home)
    return next((java[0] for folder in os.get_exec_path() if (java := _probe(folder))), None)


def _cache_dir() -> Path:
    """Name the folder where cjdk keeps what it fetches, as its documentation gives it."""
    if chosen := os.environ.get("CJDK_CACHE_DIR"):
        return Path(chosen).absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "cjdk"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cjdk"


def _cached(cache: Path) -> Path | None:
    """Find a Java fetched before; cjdk itself, if asked, would first bring its index up to date."""
    for inside in ("", "*/", "*/Contents/Home/"):
        for folder in sorted(cache.glob(f"v0/jdks/*/{inside}bin")):
            if _probe(folder):
                return folder.parent
    return None


def _not_found(reason: object) -> JavaNotFound:
    why = _USERINFO.sub(r"\1", " ".join(str(reason).split())).rstrip(".")
    return JavaNotFound(
        f"No Java {OLDEST} or newer is here, and none could be fetched ({why}): install one from the "
        f"system's packages, e.g. `apt-get install openjdk-{OLDEST}-jre-headless`, or set JAVA_HOME to one."
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def ensure_java(say: Callable[[str], None] = _say) -> Path:
    """Find a home of Java 17 or newer, else fetch a Java runtime into this user's cache.

    What was fetched before is used again with no message and no network. Before a download, ``say`` gets a
    line that tells what is about to happen. cjdk's own environment variables hold: CJDK_INDEX_URL names a
    site's own index (https only), CJDK_CACHE_DIR another cache folder.

    Raises
    ------
    JavaNotFound
        None is here, and none could be fetched; the message tells how to get one.
    """
    if home := find_java():
        return home
    try:
        cache = _cache_dir()
    except RuntimeError as err:  # this user has no home folder
        raise _not_found(err) from err
    if home := _cached(cache):
        return home
    index = "the index at CJDK_INDEX_URL" if os.environ.get("CJDK_INDEX_URL") else "the public index of Javas"
    say(
        f"No Java {OLDEST} or newer was found: downloading a Temurin Java runtime {OLDEST} (about 45 MB) "
        f"by {index} into {cache}, once for this user."
    )
    try:
        import cjdk  # only here, for few runs need it

        bar = sys.stderr.isatty()
        home = cjdk.java_home(vendor="temurin-jre", version=str(OLDEST), cache_dir=cache, progress=bar)
    except Exception as err:  # cjdk lets errors of zlib, gzip and its own private ones through
        raise _not_found(err) from err
    if not _probe(home / "bin"):
        raise _not_found(f"the one fetched into {home} does not run here")
    return home


def use_java(say: Callable[[str], None] = _say) -> Path:
    """Do as `ensure_java`, and set this process's JAVA_HOME, which pyspark's launcher goes by.

    Raises
    ------
    JavaNotFound
        None is here, and none could be fetched; the message tells how to get one.
    """
    home = ensure_java(say)
    os.environ["JAVA_HOME"] = str(home)
    return home


def main() -> int:
    """Make sure of a Java and print which it is; return the exit status."""
    try:
        home = ensure_java()
    except JavaNotFound as err:
        _say(str(err))
        return err.exit_status
    _, version = _probe(home / "bin") or (home, "of unknown version")
    print(f"Java {version}: {home}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
