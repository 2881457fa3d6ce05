"""The commands of ``cortex-otel``, a module each.

``add_to(commands)`` declares its options and ``run(arguments, settings)`` returns the exit code.

* :mod:`.parsing`: what the command lines have in common.
* :mod:`.console`: lines, errors, colours; :mod:`.progress`: how far long work is.
"""
