"""Backup and restore: a copy of the database and the log files on a disk or in S3.

A copy is two objects of one name: ``NAME.tar.zst.age`` (``NAME.tar.zst`` if not encrypted), made so
that ``age``, ``zstd`` and ``tar`` alone can open it, and ``NAME.json``, its manifest. The manifest
is written last, after the copy was read back: without one there is no copy.

* :mod:`.making`: database → tar → zstd → age → target, and what is kept of the older copies;
* :mod:`.restoring`: the other way;
* :mod:`.listing`: which copies there are;
* :mod:`.snapshot`, :mod:`.packing`, :mod:`.layout`, :mod:`.unpacking`, :mod:`.verifying`,
  :mod:`.streams`, :mod:`.keys`, :mod:`.manifest`, :mod:`.names`: the parts of one;
* :mod:`.target`, :mod:`.directory`, :mod:`.s3`, :mod:`.aws_profile`: where copies are;
* :mod:`.series`: which of them are this home's, and one backup at a time;
* :mod:`.keeping`: which of them are deleted.

No key of this installation is in a copy. ``CORTEX_OTEL_USER_HASH_KEY`` isn't on the disk;
``user-hash.key`` and ``text-hash.key`` never leave the machine, or whoever opens a copy could guess
ids and texts.
"""
