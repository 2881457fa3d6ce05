"""The lean span: OpenTelemetry's span at a fraction of its cost.

A tracer provider that differs from the SDK's only in cost: :class:`LeanTracerProvider` makes
:class:`LeanTracer`, which makes :class:`LeanSpan`; each is a subclass of the SDK's class of the
same name, and behaves as it does. The design is the same everywhere: *the usual case takes a fast
path, every other case is the SDK's own code*. A span whose attributes are plain strings and numbers
below the limits keeps them in a dict; anything unusual (a list, a limit reached, access to a
private field) turns it into a stock span for the rest of its life.

The fast paths rely on private parts of the SDK, so they are used with the versions in
:data:`TESTED_VERSIONS` only, whose own test suite passes against these classes (``tests/span``).
With any other, :mod:`cortex_otel.sdk.configure` uses the SDK's provider.

This package imports nothing from the rest of cortex_otel, and this file none of its siblings but
``versions``: with an SDK that lacks what they need, :func:`is_tested` must not fail.
"""

from cortex_otel.span.versions import TESTED_VERSIONS, is_tested

__all__ = ["TESTED_VERSIONS", "is_tested"]
