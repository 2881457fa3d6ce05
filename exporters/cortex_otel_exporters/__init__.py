"""Stores for cortex-otel records: the row type and what writes it.

This package never imports :mod:`cortex_otel`: it knows rows, not how they are made.

* :mod:`cortex_otel_exporters.record`: the row type, shared with everything that makes rows.
* :mod:`cortex_otel_exporters.sqlite`: the local store: schema, writer, reader, SDK exporters.
"""
