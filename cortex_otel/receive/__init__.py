"""From outside: OTLP/HTTP and plain JSON → the same safe rows as in process; stored, then answered.

* :mod:`.protobuf`, :mod:`.otlp_json`: bytes → :mod:`.records`; :mod:`.metric_data`,
  :mod:`.json_points`: metric points.
* :mod:`.senders`: whose records they are, by their resource; :mod:`.typed`: product events.
* :mod:`.plain`: the JSON endpoints of clients without OTLP; :mod:`.openapi`: their description.
* :mod:`.intake`: a request → rows and ledger entries; :mod:`.commit`: several requests a
  transaction.
* :mod:`.checks`: who may send what; :mod:`.protocol`: slow and endless clients; :mod:`.answers`:
  the bodies of answers; :mod:`.app`: routes and status codes.

A record from outside is a stranger's: it passes redaction whatever it claims, and nothing of this
machine's own identity is put on it.
"""
