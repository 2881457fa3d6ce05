"""Read by the ``opentelemetry-instrument`` launcher before it starts the target.

With two distros installed and no ``OTEL_PYTHON_DISTRO``, the loader takes the first it happens to
find, and ``opentelemetry-distro``'s default is OTLP to localhost. Installing cortex-otel selects
this one; an explicit choice in the environment wins. The launcher also turns the ``OTEL_`` names
defined here into command-line options; there are none.
"""

from __future__ import annotations

import os

os.environ.setdefault("OTEL_PYTHON_DISTRO", "cortex")
os.environ.setdefault("OTEL_PYTHON_CONFIGURATOR", "cortex")
