"""Each setting once, in the file of its subject: variable, unit, default, meaning.

The docstring below a field is its meaning, and what ``docs/reference/settings.md`` says of it.
"""
