"""What people see: pages, and the faces that draw them.

* :mod:`.pages`: which questions make a page, and how each is drawn. Both faces come from there.
* :mod:`.web`: the embedded web admin.
* :mod:`.grafana`: the same pages as Grafana dashboards.

Nothing here imports the write side; every number comes from :mod:`cortex_otel.query`.
"""
