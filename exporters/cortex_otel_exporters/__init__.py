"""Stores for cortex-otel records: the one row type and what writes it.

This package never imports :mod:`cortex_otel`: it knows rows, not how they come about.

* :mod:`cortex_otel_exporters.record`: the one row type, shared with everything that makes rows.
* :mod:`cortex_otel_exporters.sqlite`: the local store: schema, writer, reader, SDK exporters.
"""
