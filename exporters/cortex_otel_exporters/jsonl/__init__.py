"""The log file: the records that the store has taken, one JSON object a line, for other programs.

The database is the truth. A line is written after the transaction that holds its record, by the
same thread, so the log never tells of anything that isn't in the database; what a ``kill -9``
between the two leaves out is at most the batch in hand.

* :mod:`.line`: what a line is, declared once, and how one is made;
* :mod:`.files`: names, rotation, and whole lines from several processes;
* :mod:`.log_file`: what a writer calls: policy, trouble, counts; never raises;
* :mod:`.upkeep`: compresses and deletes what was rotated;
* :mod:`.reader`: the latest lines, and those that follow.

Needs POSIX file locks (``fcntl.flock``).
"""
