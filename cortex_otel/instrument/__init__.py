"""Instrumentation: the tool decorator, the typed events, and the instruments they record to.

* :mod:`.tool`: ``instrument_tool``; :mod:`.call`: one call, from start to outcome.
* :mod:`.events`: one function an event; :mod:`.event_types`: their declarations.
* :mod:`.metrics`: the OpenTelemetry instruments; :mod:`.state`: the active ones.
"""
