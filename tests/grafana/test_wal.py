"""Why Grafana must run as the user that writes, and be given the directory: seen with SQLite."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from pathlib import Path

import apsw
import pytest
import seeding
from grafana_plugin import Plugin

NOBODY = 65534
COUNT = {"queryText": "SELECT count(*) AS n FROM events", "timeColumns": []}

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else"
)


@pytest.fixture
def directory():
    """Where anybody may look, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="cortex-wal-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def database(directory):
    """Of root, and closed: the last writer takes -wal and -shm along."""
    path = seeding.build(directory / "cortex.db", seeding.random_events(30, days=1, users=2))
    path.chmod(0o644)
    assert [entry.name for entry in directory.iterdir()] == ["cortex.db"]
    return path


def read_as(user, path):
    """What somebody else's Grafana reads: a number, or ``None`` if it can't."""
    out, into = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads: it only reads
        child = os.fork()
    if child == 0:
        os.setgid(user)
        os.setuid(user)
        try:
            over = Plugin(path)
            number = over.query(COUNT, 0, 1).rows[0][0]
            # Ended as a Grafana is that is stopped: nothing is tidied up.
            os.write(into, str(number).encode())
        except apsw.Error:
            pass
        finally:
            os._exit(0)
    os.close(into)
    os.waitpid(child, 0)
    with os.fdopen(out, "rb") as stream:
        told = stream.read()
    return int(told) if told else None


@pytest.mark.system
def test_another_user_can_not_read_what_nobody_has_open(database):
    assert read_as(NOBODY, database) is None


@pytest.mark.system
def test_where_another_user_may_write_it_leaves_files_of_its_own(database, directory):
    directory.chmod(0o777)
    assert read_as(NOBODY, database) == 30
    left = [entry for entry in directory.iterdir() if entry.name != "cortex.db"]
    assert left
    assert {entry.stat().st_uid for entry in left} == {NOBODY}


@pytest.mark.system
def test_the_same_user_reads_and_the_writer_goes_on(database, directory):
    assert read_as(0, database) == 30
    writer = apsw.Connection(str(database))
    writer.execute("DELETE FROM events WHERE event_key = 1")
    assert read_as(0, database) == 29
    writer.close()
    assert {entry.stat().st_uid for entry in directory.iterdir()} == {0}


def test_immutable_shows_stale_numbers(database):
    """The option that seems to help: what is still in the WAL isn't there."""
    writer = apsw.Connection(str(database))
    writer.execute("DELETE FROM events WHERE event_key = 1")
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    reader = apsw.Connection(f"file:{database}?immutable=1", flags=flags)
    assert reader.execute(COUNT["queryText"]).get == 30
    reader.close()
    writer.close()
