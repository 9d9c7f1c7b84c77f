"""The archive of classes: used where it is, done without where it is not."""

from __future__ import annotations

import os
import subprocess

import pytest

from zipcal_spark import archive
from zipcal_spark.java import find_java
from zipcal_spark.session import JAVA_OPTIONS


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder that looks like a Java, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    java = tmp_path / "java"
    java.mkdir()
    (java / "release").write_text("JAVA_VERSION=17.0.1")
    return java


def put(place):
    place.parent.mkdir(parents=True)
    place.write_bytes(b"classes")


def test_without_an_archive_there_are_no_options(home):
    assert archive.archive_options(home) == ""


def test_an_archive_is_used_by_the_java_that_it_is_for(home):
    place = archive._place(home)
    put(place)
    assert f"-XX:SharedArchiveFile={place}" in archive.archive_options(home)
    (home / "release").write_text("JAVA_VERSION=17.0.2")
    assert archive.archive_options(home) == ""


def test_a_cache_that_cannot_be_looked_into_is_none(home, monkeypatch):
    def nothing():
        raise RuntimeError("no home folder")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("pathlib.Path.home", nothing)
    assert archive.archive_options(home) == ""


def test_where_none_can_be_made_that_is_said_and_nothing_is_left(home, monkeypatch, capsys):
    monkeypatch.setattr(archive, "use_java", lambda: home)

    def fail(command, **options):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(archive.subprocess, "run", fail)
    assert archive.main() == 1
    assert "all works without" in capsys.readouterr().err
    assert os.listdir(archive._place(home).parent) == []


def test_one_that_is_there_is_not_made_again(home, monkeypatch, capsys):
    put(archive._place(home))
    monkeypatch.setattr(archive, "use_java", lambda: home)
    assert archive.main() == 0
    assert str(archive._place(home)) in capsys.readouterr().out


@pytest.mark.slow
def test_an_archive_is_made_and_a_java_starts_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    place = archive.make()
    assert os.listdir(place.parent) == [place.name]
    java = find_java()
    assert java is not None
    options = (JAVA_OPTIONS + archive.archive_options(java)).split()
    command = [str(java / "bin" / "java"), *options, "-Xlog:class+load:stdout", "-version"]
    assert "shared objects file" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
