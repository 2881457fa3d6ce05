"""The registry as the templates see it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = ["Annotations", "Attribute", "Event", "Field", "Group", "Metric", "Registry"]


class Annotations(dict[str, Any]):
    """What is annotated; what isn't is ``None``, so that templates need not ask."""

    def __missing__(self, key: str) -> None:
        return None


@dataclass(frozen=True)
class Attribute:
    """An attribute key, declared once."""

    key: str
    brief: str
    type: str
    """``string`` … as weaver spells it; ``string`` for one with members."""
    members: tuple[dict[str, Any], ...]
    annotations: Annotations
    group: Group
    deprecated: dict[str, str] | None

    @property
    def constant(self) -> str:
        """Its name in generated code."""
        return self.key.upper().replace(".", "_")

    @property
    def values(self) -> list[Any]:
        """The values of its members that aren't deprecated, in their order."""
        return [member["value"] for member in self.members if "deprecated" not in member]

    @property
    def is_closed(self) -> bool:
        """Whether its members are all the values there are."""
        return bool(self.members) and not self.annotations.get("open")

    @property
    def labels(self) -> dict[str, str]:
        """What people read for each member that isn't deprecated."""
        return {
            member["value"]: member["annotations"]["label"]
            for member in self.members
            if "deprecated" not in member
        }

    def members_with(self, annotation: str) -> list[Any]:
        """The values of members that have an annotation."""
        return [member["value"] for member in self.members if member["annotations"][annotation]]


@dataclass(frozen=True)
class Field:
    """An attribute as an event, span, metric or entity has it."""

    attribute: Attribute
    brief: str
    required: bool
    annotations: Annotations
    is_deprecated: bool

    @property
    def name(self) -> str:
        """What it is called as an argument; ``""`` for one that isn't given."""
        return str(self.annotations.get("field", ""))

    @property
    def camel(self) -> str:
        """The same in TypeScript."""
        return camel(self.name)

    @property
    def kind(self) -> str:
        """How its value is checked: a word that each language has a function for."""
        attribute, kept_as = self.attribute, self.attribute.annotations.get("kept_as")
        if "members" in self.annotations or attribute.is_closed:
            return "choice"
        by_type = {"boolean": "flag", "int": "count", "double": "number"}
        by_kept = {
            "text": "text",
            "shape": "shape",
            "location": "stack",
            "error_type": "error_name",
        }
        return by_type.get(attribute.type) or by_kept.get(str(kept_as), "label")

    @property
    def choices(self) -> list[Any]:
        """The words it may be, where it is a choice."""
        return list(self.annotations.get("members", self.attribute.values))

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The least and the greatest it may be; ``None`` for no such bound."""
        annotations = self.attribute.annotations
        return annotations.get("minimum"), annotations.get("maximum")


@dataclass(frozen=True)
class Group:
    """A group of the registry, with what no other class of this module says of it."""

    id: str
    type: str
    title: str
    brief: str
    note: str
    name: str
    annotations: Annotations
    deprecated: dict[str, str] | None


@dataclass(frozen=True)
class Event:
    """A typed event."""

    group: Group
    fields: tuple[Field, ...]
    """All of them; :attr:`arguments` are those that a caller gives."""

    @property
    def name(self) -> str:
        """Its event type."""
        return self.group.name

    @property
    def constant(self) -> str:
        """Name of its type among the semantic conventions."""
        return self.name.upper().replace(".", "_")

    @property
    def annotations(self) -> Annotations:
        """Those of its group."""
        return self.group.annotations

    @property
    def arguments(self) -> list[Field]:
        """The fields that a caller gives, in their order."""
        return [field for field in self.fields if field.name and not field.is_deprecated]

    @property
    def by_position(self) -> list[Field]:
        """Arguments of its client's method that may be given without their names."""
        return [one for one in self.arguments if one.annotations["by_position"] is not False]

    @property
    def by_name(self) -> list[Field]:
        """The other ones."""
        return [one for one in self.arguments if one.annotations["by_position"] is False]

    @property
    def function(self) -> str:
        """Its function in Python."""
        return self.annotations.get("function") or self.name.rpartition(".")[2]

    @property
    def method(self) -> str:
        """Its method of a client in Python."""
        return self.annotations.get("method") or f"track_{self.function}"

    @property
    def client(self) -> str:
        """The service whose client has it; ``""`` if none does."""
        annotations = self.annotations
        return str(annotations.get("client") or annotations.get("service") or "")

    @property
    def route(self) -> str:
        """Its path in plain JSON."""
        slug = self.name.rpartition(".")[2].replace("_", "-")
        return f"/api/telemetry/{self.annotations['service']}/{slug}"

    @property
    def camel(self) -> str:
        """Its method in TypeScript."""
        return camel(self.function)

    @property
    def pascal(self) -> str:
        """The type of that method's argument."""
        return self.camel[0].upper() + self.camel[1:]


@dataclass(frozen=True)
class Metric:
    """An instrument of OpenTelemetry, or a named metric of the product."""

    group: Group
    name: str
    instrument: str
    unit: str
    fields: tuple[Field, ...]

    @property
    def constant(self) -> str:
        """Its name in generated code."""
        return self.name.upper().replace(".", "_")


@dataclass(frozen=True)
class Registry:
    """All that is declared."""

    attributes: dict[str, Attribute]
    groups: tuple[Group, ...]
    fields: dict[str, tuple[Field, ...]]
    """By id of the group."""
    metrics: tuple[Metric, ...]

    @cached_property
    def all_events(self) -> list[Event]:
        """Events of conventions too."""
        return [Event(one, self.fields[one.id]) for one in self.groups if one.type == "event"]

    @cached_property
    def events(self) -> list[Event]:
        """The product's own, without deprecated ones."""
        return [
            one
            for one in self.all_events
            if one.annotations["product"] is None and not one.group.deprecated
        ]

    def by_door(self, door: str) -> list[Event]:
        """The events that come in by a door."""
        return [one for one in self.events if door in one.annotations["doors"]]

    @cached_property
    def live(self) -> list[Attribute]:
        """Attributes without deprecated ones."""
        return [one for one in self.attributes.values() if not one.deprecated]

    @cached_property
    def gone(self) -> list[Attribute]:
        """Attributes that are recorded no longer."""
        return [one for one in self.attributes.values() if one.deprecated]

    @cached_property
    def kept(self) -> list[Attribute]:
        """What a record may bring."""
        return [
            one
            for one in self.live
            if "kept_as" in one.annotations and not one.group.annotations.get("resource")
        ]

    @cached_property
    def kept_of_resource(self) -> list[Attribute]:
        """What a resource may bring."""
        return [
            one
            for one in self.live
            if "kept_as" in one.annotations and one.group.annotations.get("resource")
        ]

    def kept_where(self, where: str, *, is_id: bool = False) -> list[Attribute]:
        """What a record may bring that is stored in a place, ids of a column apart.

        A user's id arrives there under another key: redaction has made a hash of it.
        """
        return [
            one
            for one in self.kept
            if one.annotations["stored"] == where
            and one.annotations["kept_as"] != "user"
            and (where != "column" or (one.annotations["kept_as"] == "id") == is_id)
        ]

    @cached_property
    def common(self) -> list[Field]:
        """Fields that each event may have in plain JSON."""
        marked = [one for one in self.groups if one.annotations.get("common_fields")]
        return [field for group in marked for field in self.fields[group.id]]

    @cached_property
    def sent_by_typescript(self) -> list[tuple[Attribute, bool]]:
        """What the TypeScript client sends, and whether it is a field of an event."""
        marked = [
            one
            for one in self.groups
            if one.type == "attribute_group" and one.annotations["typescript"]
        ]
        added = {field.attribute.key for group in marked for field in self.fields[group.id]}
        events = self.by_door("typescript")
        fields = {field.attribute.key for event in events for field in event.arguments}
        return [
            (one, one.key in fields and one.key not in added)
            for one in self.live
            if one.key in added | fields
        ]

    @cached_property
    def free_text(self) -> list[Attribute]:
        """Text of the typed events: recorded as length and hash."""
        fields = [field for event in self.events for field in event.arguments]
        keys = {field.attribute.key for field in fields if field.kind == "text"}
        return [one for one in self.live if one.key in keys]

    @cached_property
    def constants_of_members(self) -> list[tuple[str, Any, str]]:
        """Name, value and brief of members that have a name of their own in code."""
        return [
            (member["annotations"]["constant"], member["value"], member.get("brief", ""))
            for attribute in self.live
            for member in attribute.members
            if member["annotations"]["constant"]
        ]

    @cached_property
    def clients(self) -> dict[str, list[Event]]:
        """By service, the events of its client; in the order of the services."""
        services = self.attributes["cortex.service"].values
        events = self.by_door("facade")
        return {
            service: [one for one in events if one.client == service]
            for service in services
            if any(one.client == service for one in events)
        }

    @cached_property
    def client_classes(self) -> list[str]:
        """The names that the module of the clients exports, in the order of its linter."""
        own = (f"{service.title()}TelemetryClient" for service in self.clients)
        return sorted(["TelemetryClient", "TelemetryEvent", *own])

    def users(self, attribute: Attribute) -> list[str]:
        """What has an attribute: names of events, titles or ids of other groups."""
        return [
            group.name if group.type == "event" else group.title or group.id
            for group in self.groups
            if any(field.attribute == attribute for field in self.fields[group.id])
        ]

    def brief_of_service(self, service: str) -> str:
        """What a service is, to go on a sentence with."""
        members = self.attributes["cortex.service"].members
        (brief,) = (str(one["brief"]) for one in members if one["value"] == service)
        return brief[0].lower() + brief[1:].removesuffix(".")


def camel(name: str) -> str:
    """``like_this`` as ``likeThis``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
