"""The reader threads: their queue, clients that disconnect, and files that are replaced."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import apsw
import pytest
from patience import PATIENCE

from cortex_otel.show.web.problems import ApiError
from cortex_otel.show.web.readers import Readers
from cortex_otel_exporters.sqlite.reader import (
    StoreMissingError,
    StoreNewerError,
    StoreUnreadableError,
)

FOR_EVER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
COUNT = "SELECT count(*) FROM events"


def count(connection):
    return connection.execute(COUNT).get


@pytest.fixture
def readers_of():
    made = []

    def make(path, **options):
        made.append(Readers(path, **options))
        return made[-1]

    yield make
    for readers in made:
        readers.close()


class ForEver:
    """A question without an end; ``await begun()`` until SQLite is at it."""

    def __init__(self):
        self._runs = threading.Event()

    def __call__(self, connection):
        connection.set_progress_handler(lambda: bool(self._runs.set()), 1000)
        return connection.execute(FOR_EVER).get

    async def begun(self):
        assert await asyncio.to_thread(self._runs.wait, PATIENCE)


class Request:
    """A request whose client disconnects on command; ``seen_gone`` is set when that was noticed."""

    def __init__(self):
        self.is_gone = False
        self.seen_gone = asyncio.Event()

    async def is_disconnected(self):
        if self.is_gone:
            self.seen_gone.set()
        return self.is_gone


async def test_a_full_queue_is_refused_at_once(populated, readers_of):
    readers = readers_of(populated / "cortex.db", threads=1, max_waiting=2)
    hold = threading.Event()
    held = [asyncio.create_task(readers.ask(lambda _: hold.wait(PATIENCE))) for _ in range(3)]
    await asyncio.sleep(0)  # all three have asked
    with pytest.raises(ApiError) as refused:
        await readers.ask(count)
    assert (refused.value.status, refused.value.code) == (503, "busy")
    assert refused.value.headers["retry-after"]
    hold.set()
    assert await asyncio.gather(*held) == [True] * 3
    assert await readers.ask(count) > 0


async def test_a_query_without_a_client_is_cancelled(populated, readers_of):
    readers = readers_of(populated / "cortex.db", threads=1)
    request, question = Request(), ForEver()
    asked = asyncio.create_task(readers.ask(question, request))
    await question.begun()
    request.is_gone = True
    with pytest.raises(ApiError):
        await asyncio.wait_for(asked, PATIENCE)
    assert await asyncio.wait_for(readers.ask(count), PATIENCE) > 0


async def test_a_query_whose_task_is_cancelled_is_cancelled_too(populated, readers_of):
    readers = readers_of(populated / "cortex.db", threads=1)
    question = ForEver()
    asked = asyncio.create_task(readers.ask(question))
    await question.begun()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await asyncio.wait_for(readers.ask(count), PATIENCE) > 0


async def test_a_query_whose_client_left_the_queue_never_runs(populated, readers_of):
    readers = readers_of(populated / "cortex.db", threads=1)
    hold, request, ran = threading.Event(), Request(), []
    first = asyncio.create_task(readers.ask(lambda _: hold.wait(PATIENCE)))
    second = asyncio.create_task(readers.ask(ran.append, request))
    await asyncio.sleep(0)  # both have asked
    request.is_gone = True
    await asyncio.wait_for(request.seen_gone.wait(), PATIENCE)
    hold.set()
    await first
    with pytest.raises(ApiError):
        await second
    assert not ran


async def test_a_connection_is_kept_until_the_file_is_another(populated, readers_of, tmp_path):
    path = tmp_path / "cortex.db"
    readers = readers_of(path, threads=1)
    with pytest.raises(StoreMissingError):
        await readers.ask(count)
    source = apsw.Connection(str(populated / "cortex.db"), flags=apsw.SQLITE_OPEN_READONLY)
    source.execute("VACUUM INTO ?", (str(path),))
    source.close()
    # A setting of the connection: its address in memory may be that of the next one, too.
    await readers.ask(lambda connection: connection.pragma("cache_size", -1234))
    events = await readers.ask(count)
    assert await readers.ask(lambda connection: connection.pragma("cache_size")) == -1234
    other = tmp_path / "other.db"
    copy = apsw.Connection(str(path))
    copy.execute("VACUUM INTO ?", (str(other),))
    copy.close()
    emptied = apsw.Connection(str(other))
    emptied.execute("DELETE FROM events")
    emptied.close()
    other.replace(path)
    assert events > 0
    assert await readers.ask(count) == 0
    assert await readers.ask(lambda connection: connection.pragma("cache_size")) != -1234
    path.unlink()
    with pytest.raises(StoreMissingError):
        await readers.ask(count)


async def test_a_file_that_is_brought_up_to_date_meanwhile_is_looked_at_again(
    populated, readers_of, tmp_path
):
    path = tmp_path / "cortex.db"
    source = apsw.Connection(str(populated / "cortex.db"), flags=apsw.SQLITE_OPEN_READONLY)
    source.execute("VACUUM INTO ?", (str(path),))
    source.close()
    readers = readers_of(path, threads=1)
    assert await readers.ask(count) > 0
    writer = apsw.Connection(str(path))
    writer.pragma("user_version", 99)
    writer.close()
    with pytest.raises(StoreNewerError):
        await readers.ask(count)


async def test_errors_of_sqlite_become_store_errors(populated, readers_of, tmp_path):
    path = tmp_path / "cortex.db"
    source = apsw.Connection(str(populated / "cortex.db"), flags=apsw.SQLITE_OPEN_READONLY)
    source.execute("VACUUM INTO ?", (str(path),))
    source.close()
    content = bytearray(path.read_bytes())
    # The head and the schema stay, the rest is noise.
    content[len(content) // 3 :] = os.urandom(len(content) - len(content) // 3)
    path.write_bytes(content)
    readers = readers_of(path)
    with pytest.raises(StoreUnreadableError) as caught:
        await readers.ask(
            lambda connection: (
                connection.execute("PRAGMA integrity_check").get
                and list(connection.execute("SELECT * FROM telemetry_events"))
            )
        )
    assert caught.value.reason == "damaged"


@pytest.mark.timing
async def test_the_event_loop_never_waits(populated, readers_of):
    readers = readers_of(populated / "cortex.db", threads=2)
    asked = [asyncio.create_task(readers.ask(ForEver())) for _ in range(2)]
    longest_wait = 0.0
    for _ in range(20):
        started = time.monotonic()
        await asyncio.sleep(0.01)
        longest_wait = max(longest_wait, time.monotonic() - started)
    for each in asked:
        each.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert longest_wait < 1


async def test_at_shutdown_every_query_gets_a_response(populated, readers_of):
    readers = readers_of(populated / "cortex.db", threads=1)
    questions = [ForEver() for _ in range(3)]
    asked = [asyncio.create_task(readers.ask(each)) for each in questions]
    await questions[0].begun()
    readers.give_up()
    results = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), PATIENCE)
    assert [each.code for each in results] == ["busy"] * 3
    with pytest.raises(ApiError):
        await readers.ask(count)
