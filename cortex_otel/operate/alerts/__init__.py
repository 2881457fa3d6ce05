"""Alerts within ten seconds: what is wrong is seen, fires once, is sent once, and is resolved.

* :mod:`.observations`: what can be seen of each rule now: error rates, durations, processes, jobs,
  the store, the disk;
* :mod:`.glance`: whether it is worth asking; :mod:`.watch`: whether the store can be asked;
* :mod:`.states`: pending → firing → resolved, with a band between them in which nothing changes;
* :mod:`.records`: the tables ``alerts`` and ``alert_messages``; :mod:`.alert_store`: the same, in
  memory while the database can't be written;
* :mod:`.evaluator`: the thread that puts these together, in one ``serve`` at a time;
* :mod:`.messages`: their text; :mod:`.channels`: where they go; :mod:`.post`: by HTTP;
  :mod:`.delivery`: a thread for each channel.

Nothing is sent unless a channel is set. A message holds names of services, tools, error types and
jobs, and numbers: no text that was recorded, and nothing of a person.
"""
