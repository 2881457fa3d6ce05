"""The local store: one SQLite file in WAL mode, written by several processes at once.

* :mod:`.schema`: the tables, views and migrations.
* :mod:`.files`: opening, file modes, PRAGMAs, setting a corrupt file aside.
* :mod:`.transactions`: how one is begun and ended.
* :mod:`.batch`: one transaction: events, sessions, roll-ups and ledger.
* :mod:`.writer`: the queue and the thread that drains it.
* :mod:`.heartbeat`: the status file of a writing process, readable when the database isn't.
* :mod:`.reader`: read-only connections, with limits.
* :mod:`.exporters`: the OpenTelemetry SDK's span, log and metric exporters.
"""
