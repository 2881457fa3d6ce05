"""What the registry must keep to beyond its schema: each breach is a line, and fails the build."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from telemetry.generate.registry import Attribute, Event, Registry

__all__ = ["names", "problems"]

_ATTRIBUTE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*(?:\.[a-z][a-z0-9]*(?:_[a-z0-9]+)*)+")
_SERVICE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_METRIC = re.compile(r"[a-z][a-z0-9]*(?:[._][a-z0-9]+)*")
_OURS = "cortex."
#: What redaction may make of an attribute of each privacy class.
_KEPT_AS = {
    "plain": {
        "token", "name", "label", "feature", "error_type", "location", "shape", "number", "flag",
    },
    "closed": {"token"},
    "identifier": {"id", "digest"},
    "hashed": {"text", "user"},
    "never": {"content"},
}  # fmt: skip
#: Names of arguments that each event has, or that a client takes for itself.
_TAKEN = {"event_type", "self", "service", "time"}
_TIMED = {"duration_ms", "result", "error"}


def problems(registry: Registry, published: Iterable[str]) -> list[str]:
    """What is wrong, a line each.

    Args:
        registry: what is declared.
        published: names that have been declared before, as :func:`names` gives them.
    """
    found = [
        *_of_attributes(registry),
        *_of_events(registry),
        *_of_metrics(registry),
        *_unused(registry),
    ]
    gone = set(published) - set(names(registry))
    found += [
        f"{name}: removed without a migration note: declare it with `deprecated`, whose note says "
        "what its rows and senders do now"
        for name in sorted(gone)
    ]
    return found


def names(registry: Registry) -> list[str]:
    """All that is declared, deprecated or not, and so may have been sent or stored by somebody."""
    found = [f"attribute {key}" for key in registry.attributes]
    for event in registry.all_events:
        found.append(f"event {event.name}")
        found += [f"field {event.name} {field.attribute.key}" for field in event.fields]
    found += [f"metric {metric.name}" for metric in registry.metrics]
    found += [
        f"value {attribute.key} {member['value']}"
        for attribute in registry.attributes.values()
        if attribute.is_closed
        for member in attribute.members
    ]
    return sorted(found)


def _of_attributes(registry: Registry) -> Iterator[str]:
    for attribute in registry.attributes.values():
        yield from _of_attribute(attribute, registry)


def _of_attribute(attribute: Attribute, registry: Registry) -> Iterator[str]:
    key, annotations = attribute.key, attribute.annotations
    if not _ATTRIBUTE.fullmatch(key):
        yield f"{key}: not a name by the conventions: lower_case words, apart by dots"
    privacy, kept_as = annotations.get("privacy"), annotations.get("kept_as")
    if privacy is None:
        yield f"{key}: has no privacy class"
    elif kept_as is not None and kept_as not in _KEPT_AS[privacy]:
        yield f"{key}: of privacy class {privacy}, but kept as {kept_as}"
    for needed in ("cardinality", "stored"):
        if needed not in annotations:
            yield f"{key}: has no `{needed}`"
    if (privacy == "closed") != attribute.is_closed:
        yield f"{key}: privacy class `closed` is for what has members and isn't `open`"
    if attribute.is_closed and annotations.get("cardinality") != "fixed":
        yield f"{key}: the cardinality of a closed vocabulary is `fixed`"
    if not key.startswith(_OURS) and not {"source", "own"} & annotations.keys():
        yield f"{key}: of a convention, without a link to it (`source`)"
    yield from _of_number(attribute, registry)


def _of_number(attribute: Attribute, registry: Registry) -> Iterator[str]:
    key, annotations = attribute.key, attribute.annotations
    if {"minimum", "maximum"} & annotations.keys() and attribute.type != "double":
        yield f"{key}: bounds are for numbers of type double"
    other = annotations.get("paired_with")
    if other is not None and (
        other not in registry.attributes
        or registry.attributes[other].annotations.get("paired_with") != key
    ):
        yield f"{key}: isn't what {other} is paired with"


def _of_events(registry: Registry) -> Iterator[str]:
    for service in registry.attributes["cortex.service"].values:
        if not _SERVICE.fullmatch(service):
            yield f"{service}: a service is lower_case words: classes are called after it"
    for event in registry.all_events:
        if event.annotations["product"] is None:
            yield from _of_event(event, registry)
    functions = Counter(event.function for event in registry.events)
    yield from (f"{name}: two events have this function" for name, n in functions.items() if n > 1)
    measures = Counter(
        one.annotations["measure"] for one in registry.live if "measure" in one.annotations
    )
    yield from (f"{name}: two attributes are this measure" for name, n in measures.items() if n > 1)


def _of_event(event: Event, registry: Registry) -> Iterator[str]:
    name = event.name
    if not _ATTRIBUTE.fullmatch(name):
        yield f"{name}: not a name by the conventions: lower_case words, apart by dots"
    if event.group.id != f"event.{name}":
        yield f"{event.group.id}: the id of an event is `event.` and its name"
    keys = {field.attribute.key for field in event.fields}
    feature = event.annotations["feature"] or []
    for key in [feature["from"]] if isinstance(feature, dict) else feature:
        if key not in keys:
            yield f"{name}: its feature {key} is no field of it"
    yield from _of_doors(event, registry)
    yield from _of_fields(event, registry)


def _of_doors(event: Event, registry: Registry) -> Iterator[str]:
    name = event.name
    services = registry.attributes["cortex.service"].values
    for service in {event.annotations["service"], event.client} - {None, ""}:
        if service not in services:
            yield f"{name}: service {service} is no member of cortex.service"
    doors = set(event.annotations["doors"])
    if not event.annotations["service"] and {"json", "typescript"} & doors:
        yield f"{name}: plain JSON and TypeScript need a `service`: nobody else says it there"
    if "facade" in doors and not event.client:
        yield f"{name}: a client has it (`facade`), but whose? Give `service` or `client`"
    if "facade" in doors and "python" not in doors:
        yield f"{name}: the client's method calls its function: `facade` needs `python`"
    if "typescript" in doors and any(field.kind == "shape" for field in event.arguments):
        yield f"{name}: TypeScript has no names and types of parameters"


def _of_fields(event: Event, registry: Registry) -> Iterator[str]:
    name = event.name
    taken = _TAKEN | (_TIMED if event.annotations["timing"] == "span" else set())
    common = {field.name: field.attribute for field in registry.common}
    for field in event.fields:
        key = field.attribute.key
        if not field.name and not field.annotations.get("derived") and not field.is_deprecated:
            yield f"{name}: its field {key} has no name (`field`), and isn't `derived`"
        if field.name in taken or common.get(field.name, field.attribute) != field.attribute:
            yield f"{name}: an argument can't be called {field.name}"
        if field.name and "kept_as" not in field.attribute.annotations:
            yield f"{name}: its field {key} isn't kept by redaction (`kept_as`)"
    doubled = Counter(field.name for field in event.arguments)
    yield from (f"{name}: two fields are called {one}" for one, n in doubled.items() if n > 1)


def _of_metrics(registry: Registry) -> Iterator[str]:
    for metric in registry.metrics:
        if not _METRIC.fullmatch(metric.name):
            yield f"{metric.name}: not a name by the conventions"
        if metric.instrument == "histogram" and "buckets" not in metric.group.annotations:
            yield f"{metric.name}: a histogram without buckets"


def _unused(registry: Registry) -> Iterator[str]:
    used = {field.attribute.key for fields in registry.fields.values() for field in fields}
    for event in registry.all_events:
        used.update(filter(None, (field.annotations.get("also") for field in event.fields)))
    for attribute in registry.live:
        if attribute.key not in used:
            yield f"{attribute.key}: no event, span, metric or resource has it"
