"""The lean span: OpenTelemetry's span at a fraction of its price.

A tracer provider that is the SDK's but for what its spans cost: :class:`LeanTracerProvider` makes
:class:`LeanTracer`, which makes :class:`LeanSpan`; each is a subclass of the SDK's class of the
same name, and behaves as it does. The trick is the same everywhere: *the usual case takes a short
way, every other case is the SDK's own code*. A span whose attributes are plain strings and numbers
below the limits keeps them in a dict; the first unusual thing (a list, a limit reached, a reader of
a private field) makes it a stock span for the rest of its life.

The short ways rely on private parts of the SDK, so they hold for the versions in
:data:`TESTED_VERSIONS`, whose own test-suite passes against these classes (``tests/span``). Under
any other, :mod:`cortex_otel.sdk.configure` takes the SDK's provider.

This room knows nothing of the rest of the package, and this file doesn't import the others: under
a version that lacks what they need, asking :func:`is_tested` must not fail.
"""

from cortex_otel.span.versions import TESTED_VERSIONS, is_tested

__all__ = ["TESTED_VERSIONS", "is_tested"]
