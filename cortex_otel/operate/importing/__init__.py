"""Records that lie in files → the store, through the receiver's intake: redacted, once, in pieces.

* :mod:`.sources`: a file, gzip or not, in any encoding → lines; :mod:`.formats`: what they are.
* :mod:`.shapes`: **the table** of what Cortex wrote before, and what its fields and events mean
  now; a further shape is a further row. :mod:`.values`: times, results, tiers, levels.
* :mod:`.events`: a line of JSON or a row of CSV → an event; :mod:`.csv_rows`: rows of CSV.
* :mod:`.readers`: a line → a part of the intake, or the reason why not.
* :mod:`.pieces`: lines in pieces that are known again, wherever they stand.
* :mod:`.importer`: all of it, a piece a transaction; :mod:`.report`: what came of it.

A line is imported or refused for a reason that is counted; nothing of one is guessed.
"""
