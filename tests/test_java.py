"""The Java that Spark runs on: where it is looked for, and how one is fetched (from loopback here)."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cjdk
import pytest

from zipcal_spark.errors import JavaNotFound
from zipcal_spark.java import ensure_java, find_java, main, parse_version, use_java

REAL_JAVA_HOME = cjdk.java_home
ROOT = Path(__file__).resolve().parent.parent


def script(version: str, status: int = 0) -> str:
    """Give a stand-in for ``java``: it prints like the real one, to standard error."""
    text = f'openjdk version "{version}" 2025-04-15\nOpenJDK Runtime Environment (build {version}+6)'
    return f"#!/bin/sh\necho '{text}' >&2\nexit {status}\n"


def make_home(home: Path, content: str) -> Path:
    """Lay out a Java home whose ``bin/java`` has this content."""
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(content)
    java.chmod(0o755)
    return home


def archive(content: str, name: str = "jdk-17.0.15+6-jre/bin/java") -> bytes:
    """Pack a Java home as the vendors do, one file beside it so that the archive can be cut short."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, data in {
            name: content.encode(),
            "jdk-17.0.15+6-jre/lib/modules": os.urandom(100_000),
        }.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start from a machine without Java, and with a cache folder of the test's own."""
    for name in [name for name in os.environ if name.startswith("CJDK_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JAVA_HOME", "")  # so that what use_java sets is undone
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CJDK_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CJDK_OS", "linux")
    monkeypatch.setenv("CJDK_ARCH", "amd64")


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the index be at a loopback port that refuses connections."""
    with socket.socket() as bound:  # bound and not listening: nobody else gets this port
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("CJDK_INDEX_URL", f"https://someone:secret@127.0.0.1:{bound.getsockname()[1]}/index.json")
        yield


class Mirror:
    """An index and an archive served on loopback, and a list of what was asked for."""

    def __init__(self, port: int) -> None:
        url = f"http://127.0.0.1:{port}/jre.tar.gz"
        versions = {"1.17.0.14": f"tgz+{url}.old", "1.17.0.15": f"tgz+{url}", "1.21.0.7": f"tgz+{url}.new"}
        index = {"linux": {"amd64": {"jdk@temurin-jre": versions, "jdk@temurin": {}}}}
        self.files = {"/index.json": json.dumps(index).encode(), "/jre.tar.gz": archive(script("17.0.15"))}
        self.asked: list[str] = []


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """Serve on loopback what cjdk fetches; only for these tests is cjdk let to use plain http."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            body = served.files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Mirror(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("CJDK_INDEX_URL", f"http://127.0.0.1:{server.server_port}/index.json")
        monkeypatch.setattr(cjdk, "java_home", partial(cjdk.java_home, _allow_insecure_for_testing=True))
        yield served
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime', ("17.0.15", 17)),
        ('java version "1.8.0_402"\nJava(TM) SE Runtime', ("1.8.0_402", 8)),
        ('openjdk version "21" 2023-09-19', ("21", 21)),
        ('openjdk version "25-ea" 2025-09-16', ("25-ea", 25)),
        ('openjdk version "11.0.22" 2024-01-16 LTS', ("11.0.22", 11)),
        ('Picked up JAVA_TOOL_OPTIONS: -Da="1"\r\nopenjdk version "17.0.1"\r\n', ("17.0.1", 17)),
        ('openjdk version "unknown"', None),
        ("Unable to locate a Java Runtime.", None),
        ("", None),
    ],
)
def test_parse_version(text: str, expected: tuple[str, int] | None) -> None:
    assert parse_version(text) == expected


def test_none_is_found_on_a_bare_machine() -> None:
    assert find_java() is None


def test_java_home_wins_over_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named, on_path = make_home(tmp_path / "a", script("17.0.15")), make_home(tmp_path / "b", script("21"))
    monkeypatch.setenv("JAVA_HOME", str(named))
    monkeypatch.setenv("PATH", str(on_path / "bin"))
    assert find_java() == named
    assert use_java() == named
    assert os.environ["JAVA_HOME"] == str(named)


@pytest.mark.parametrize(
    "content",
    [
        script("1.8.0_402"),
        script("11.0.22"),
        script("17.0.15", status=1),
        "#!/bin/sh\necho hello\n",
        "\x7fELF\0",
    ],
    ids=["8", "11", "failing", "no version", "not a program"],
)
def test_unfit_ones_are_passed_over(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unfit, fit = make_home(tmp_path / "a", content), make_home(tmp_path / "b", script("21"))
    monkeypatch.setenv("JAVA_HOME", str(unfit))
    assert find_java() is None
    monkeypatch.setenv("PATH", os.pathsep.join([str(unfit / "bin"), str(tmp_path), str(fit / "bin")]))
    assert find_java() == fit
    assert use_java() == fit
    assert os.environ["JAVA_HOME"] == str(fit)


def test_missing_java_home_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "none"))
    assert find_java() is None


def test_link_on_path_leads_to_its_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_home(tmp_path / "jvm", script("17.0.15"))
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "java").symlink_to(home / "bin" / "java")
    monkeypatch.setenv("PATH", str(tmp_path / "links"))
    assert find_java() == home


def test_shim_on_path_leads_to_the_home_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_home(tmp_path / "jvm", script("17.0.15"))
    settings = f"#!/bin/sh\necho 'Property settings:\n    java.home = {home}\n' >&2\n"
    make_home(tmp_path / "manager", settings + script("17.0.15"))
    monkeypatch.setenv("PATH", str(tmp_path / "manager" / "bin"))
    assert find_java() == home


def test_fetched_once_after_saying_so(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[tuple[str, int]] = []

    def say(line: str) -> None:
        said.append((line, len(mirror.asked)))

    home = use_java(say)
    [(line, asked_before)] = said
    assert asked_before == 0
    assert str(tmp_path / "cache") in line
    assert "45 MB" in line
    assert "CJDK_INDEX_URL" in line
    assert mirror.asked == ["/index.json", "/jre.tar.gz"]
    assert home.is_relative_to(tmp_path / "cache")
    assert (home / "bin" / "java").is_file()
    assert os.environ["JAVA_HOME"] == str(home)

    monkeypatch.setenv("JAVA_HOME", "")
    monkeypatch.setenv("CJDK_INDEX_TTL", "0")  # cjdk would now fetch the index anew
    mirror.asked.clear()
    assert ensure_java(say) == home
    assert len(said) == 1
    assert mirror.asked == []
    assert capfd.readouterr() == ("", "")


def test_nothing_is_fetched_where_one_is_here(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    home = make_home(tmp_path / "jvm", script("17.0.15"))
    monkeypatch.setenv("PATH", str(home / "bin"))
    assert ensure_java() == home
    assert mirror.asked == []
    assert capfd.readouterr() == ("", "")


def assert_tells_what_to_do(message: str) -> None:
    assert "\n" not in message
    assert message.endswith("or set JAVA_HOME to one.")
    assert "apt-get install openjdk-17-jre-headless" in message


@pytest.mark.usefixtures("refusing")
def test_unreachable_server() -> None:
    with pytest.raises(JavaNotFound) as caught:
        ensure_java()
    assert_tells_what_to_do(str(caught.value))
    assert "secret" not in str(caught.value)


PACKED = archive(script("17.0.15"))


@pytest.mark.parametrize(
    ("path", "content"),
    [
        pytest.param("/jre.tar.gz", b"not an archive", id="garbage"),
        pytest.param("/jre.tar.gz", b"", id="empty"),
        pytest.param("/jre.tar.gz", PACKED[: len(PACKED) // 2], id="cut short"),
        pytest.param("/jre.tar.gz", gzip.compress(b"not a tar"), id="no tar"),
        pytest.param("/jre.tar.gz", archive("", name="jdk/bin/other"), id="no java"),
        pytest.param("/jre.tar.gz", archive(script("17.0.15", status=1)), id="broken java"),
        pytest.param("/jre.tar.gz", archive(script("11.0.22")), id="old java"),
        pytest.param("/jre.tar.gz", None, id="no archive"),
        pytest.param("/index.json", b"not json", id="no json"),
        pytest.param("/index.json", b"[]", id="json list"),
        pytest.param("/index.json", b"{}", id="empty index"),
        pytest.param("/index.json", None, id="no index"),
    ],
)
def test_unusable_download(mirror: Mirror, path: str, content: bytes | None) -> None:
    if content is None:
        del mirror.files[path]
    else:
        mirror.files[path] = content
    with pytest.raises(JavaNotFound) as caught:
        ensure_java()
    assert_tells_what_to_do(str(caught.value))


def test_good_download_after_a_corrupted_one(mirror: Mirror) -> None:
    good = mirror.files["/jre.tar.gz"]
    mirror.files["/jre.tar.gz"] = good[: len(good) // 2]
    with pytest.raises(JavaNotFound):
        ensure_java()
    mirror.files["/jre.tar.gz"] = good
    assert (ensure_java() / "bin" / "java").is_file()


def test_plain_http_is_refused(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cjdk, "java_home", REAL_JAVA_HOME)  # without the leave that the fixture gave
    with pytest.raises(JavaNotFound, match="must be https") as caught:
        ensure_java()
    assert_tells_what_to_do(str(caught.value))
    assert mirror.asked == []


def test_cache_folder_that_cannot_be_made(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CJDK_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(JavaNotFound) as caught:
        ensure_java()
    assert_tells_what_to_do(str(caught.value))
    assert mirror.asked == []


def test_main_fetches_and_prints(mirror: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    out, err = capsys.readouterr()
    assert out.startswith("Java 17.0.15: ")
    assert out.count("\n") == 1
    assert err.count("\n") == 1
    assert err.startswith("No Java 17 or newer was found: downloading")


def run_module() -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zipcal_spark.java"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_module_prints_the_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = make_home(tmp_path / "jvm", script("21.0.7"))
    monkeypatch.setenv("JAVA_HOME", str(home))
    run = run_module()
    assert (run.returncode, run.stdout, run.stderr) == (0, f"Java 21.0.7: {home}\n", "")


@pytest.mark.usefixtures("refusing")
def test_module_without_java() -> None:
    run = run_module()
    assert (run.returncode, run.stdout) == (1, "")
    said, sentence = run.stderr.splitlines()  # so no traceback
    assert said.startswith("No Java 17 or newer was found: downloading")
    assert_tells_what_to_do(sentence)
