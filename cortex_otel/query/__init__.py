"""The read side: questions, the runner that executes them, and the state of the writers.

* :mod:`.catalogue`: the questions of ``sql/*.sql``, one a file, with title, parameters and units.
* :mod:`.runner`: runs a question, within a time limit and a row limit.
* :mod:`.ranges`: ``24h``, ``7d`` and dates to Unix nanoseconds.
* :mod:`.events`: raw events, newest first or as they are committed.
* :mod:`.formats`: results as a table, CSV or JSON.
* :mod:`.writers`: the state of the recording processes, from their heartbeat files.

Nothing here imports the write side.
"""
