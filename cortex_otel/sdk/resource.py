"""The OpenTelemetry resource of this process, and the sampler that records everything."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource, ResourceDetector
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

from cortex_otel import identity
from cortex_otel import semconv as sc
from cortex_otel._version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cortex_otel.identity import Resolved

__all__ = ["CortexResourceDetector", "cortex_resource", "cortex_sampler", "sampling_of_environment"]

_logger = logging.getLogger("cortex_otel")


def _attributes(service: str, user: Resolved) -> dict[str, str]:
    attributes = {
        sc.TELEMETRY_DISTRO_NAME: "cortex-otel",
        sc.TELEMETRY_DISTRO_VERSION: __version__,
        sc.SERVICE_NAMESPACE: "cortex",
        sc.CORTEX_SERVICE: service,
        sc.CORTEX_USER_TIER: user.tier,
    }
    if user.user_hash:
        attributes[sc.USER_HASH] = user.user_hash
    return attributes


def cortex_resource(service: str, user: Resolved) -> Resource:
    """The resource of this process: the SDK's own detectors, and ours.

    Tier and user are those at start-up; each record carries those of its own time.
    """
    attributes = _attributes(service, user)
    if not os.environ.get("OTEL_SERVICE_NAME") and "service.name=" not in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    ):
        attributes[sc.SERVICE_NAME] = f"cortex-{service}"
    return Resource.create(attributes)


class CortexResourceDetector(ResourceDetector):
    """``OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=cortex``: the same attributes under another distro."""

    def detect(self) -> Resource:
        """Distro, service, tier and user hash."""
        from cortex_otel.settings import read_environment  # noqa: PLC0415 - only where asked for

        settings = read_environment(warn=lambda _line: None)
        # Its own resolver: replacing the process-wide one would lose what configure() was given.
        user = identity.IdentityResolver(settings).current()
        return Resource(dict(_attributes(settings.service, user)))


def cortex_sampler(_argument: str | float | None = None) -> Sampler:
    """Record every span; whether to keep it is decided when its outcome is known.

    The SDK's default would drop a tool call whose client sent an unsampled ``traceparent``: every
    call is to be counted. ``OTEL_TRACES_SAMPLER=always_off`` is honoured; the ratio samplers are
    turned into weights (:func:`sampling_of_environment`).
    """
    if os.environ.get("OTEL_TRACES_SAMPLER", "").strip().endswith("always_off"):
        return ALWAYS_OFF
    return ALWAYS_ON


def sampling_of_environment(rates: Mapping[str, float]) -> dict[str, float]:
    """``rates`` with ``OTEL_TRACES_SAMPLER=traceidratio`` as the default rate.

    The SDK's ratio sampler leaves no trace of what it drops, which would bias every count: here
    the same ratio is applied with a weight, and errors are kept.
    """
    rates = dict(rates)
    if os.environ.get("OTEL_TRACES_SAMPLER", "").strip().endswith("traceidratio"):
        text = os.environ.get("OTEL_TRACES_SAMPLER_ARG", "1")
        try:
            ratio = float(text)
        except ValueError:
            ratio = -1.0
        if 0 < ratio <= 1:
            rates.setdefault("*", ratio)
        else:
            _logger.warning("OTEL_TRACES_SAMPLER_ARG=%r is not valid: 0 < ratio <= 1", text)
    return rates
