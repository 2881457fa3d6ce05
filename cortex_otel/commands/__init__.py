"""The commands of ``cortex-otel``: each a module with ``run(arguments, settings) -> exit code``.

* :mod:`.status`, :mod:`.tail`, :mod:`.query`
* :mod:`.console`: output helpers.
"""
