"""Who sends: service, tier, user and session of the records of one OTLP resource.

Nothing of this machine's own identity is put on a stranger's record. What a resource says of user,
tier, session and service counts for its records; what a record says itself wins.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from cortex_otel import semconv as sc
from cortex_otel.identity import FREE, Resolved
from cortex_otel.process.convert import Converter, Stored
from cortex_otel.process.names import Names
from cortex_otel_exporters.record import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cortex_otel.process.redact import Redactor
    from cortex_otel.receive.records import Told

__all__ = ["Sender", "Senders"]

#: In ``receiver_services``: a sender of this "service" is refused.
REFUSE: Final = "refuse"
_ALL_OTHERS: Final = "*"
_UNKNOWN: Final = "unknown_service"  # what OpenTelemetry calls a service without a name
_SERVICE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_SERVICE: Final = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_SERVICE: Final = 64
#: A resource may say these for all of its records.
_OF_RECORDS: Final = (
    sc.USER_ID, sc.ENDUSER_ID, sc.USER_HASH, sc.CORTEX_USER_TIER, sc.SESSION_ID, sc.CORTEX_SERVICE,
    sc.CORTEX_PROJECT_ID, sc.CORTEX_BRANCH_ID, sc.CORTEX_IDE, sc.CORTEX_EXTENSION_VERSION,
)  # fmt: skip
_FIELDS: Final = (sc.CORTEX_IDE, sc.CORTEX_EXTENSION_VERSION)
# Each remembers up to a thousand rows of spans that repeat: 1 MB, of a sender that wants it so.
_MOST_SENDERS: Final = 32
_EXTENSION: Final = "extension"


class _Identity:
    """A sender's identity, where a process would have a resolver."""

    def __init__(self, resolved: Resolved, hash_text: Callable[[str], str]) -> None:
        self._resolved = resolved
        self.hash_text = hash_text

    def current(self) -> Resolved:
        """The same for all of its records."""
        return self._resolved


class Sender:
    """What becomes of the records of one resource."""

    __slots__ = ("converter", "fields", "refused", "told")

    def __init__(
        self, told: Told, converter: Converter, fields: Mapping[str, Any], *, refused: bool
    ) -> None:
        self.told = told
        self.converter = converter
        self.fields = fields
        """What it says once for all of its events: IDE and version of the extension."""
        self.refused = refused


class Senders:
    """The senders seen of late; for one thread.

    Args:
        redactor: what may be kept.
        hash_text: makes a keyed digest of free text.
        services: service by ``service.name``; ``*`` for all others, ``refuse`` to refuse.
        count_removed: told how many attributes redaction removed.
    """

    def __init__(
        self,
        redactor: Redactor,
        hash_text: Callable[[str], str],
        services: Mapping[str, str],
        count_removed: Callable[[int], None],
    ) -> None:
        self._redactor = redactor
        self._hash_text = hash_text
        self._services = services
        self._count_removed = count_removed
        self._stored = Stored(Names(redactor.name), set())
        self._senders: OrderedDict[int, Sender] = OrderedDict()

    def of(self, told: Told) -> Sender:
        """The sender of a resource; made if it wasn't seen of late."""
        key = id(told)  # a sender keeps its resource alive, so that no other gets its id
        sender = self._senders.get(key)
        if sender is None:
            sender = self._senders[key] = self._make(told)
            if len(self._senders) > _MOST_SENDERS:
                self._senders.popitem(last=False)
        else:
            self._senders.move_to_end(key)
        return sender

    def _make(self, told: Told) -> Sender:
        attributes = told.attributes
        said = self._redactor.attributes(
            {key: attributes[key] for key in _OF_RECORDS if key in attributes}
        ).attributes
        resource = self._redactor.resource(attributes)
        service = self._service(attributes, said, resource)
        tier = said.get(sc.CORTEX_USER_TIER)
        resolved = Resolved(
            str(said.get(sc.USER_HASH, "")),
            str(tier) if tier in sc.TIERS else FREE,
            _id(said, sc.CORTEX_PROJECT_ID),
            _id(said, sc.CORTEX_BRANCH_ID),
        )
        session = self._session(attributes, said, resource, service)
        converter = Converter(
            self._redactor,
            _Identity(resolved, self._hash_text),
            service if service != REFUSE else _UNKNOWN,
            self._count_removed,
            session=lambda: session,
            stored=self._stored,
        )
        fields: dict[str, Any] = {key: said[key] for key in _FIELDS if key in said}
        return Sender(told, converter, fields, refused=service == REFUSE)

    def _service(
        self,
        attributes: Mapping[str, Any],
        said: Mapping[str, object],
        resource: Mapping[str, object],
    ) -> str:
        name = attributes.get(sc.SERVICE_NAME)
        if isinstance(name, str) and name in self._services and name != _ALL_OTHERS:
            return self._services[name]
        claimed = said.get(sc.CORTEX_SERVICE)
        if isinstance(claimed, str) and _SERVICE.fullmatch(claimed) and claimed != REFUSE:
            return self._stored.names.bounded(claimed)
        if _ALL_OTHERS in self._services:
            return self._services[_ALL_OTHERS]
        known = _NOT_SERVICE.sub("_", str(resource.get(sc.SERVICE_NAME) or _UNKNOWN))
        known = known[:_LONGEST_SERVICE]
        return self._stored.names.bounded(known if known != REFUSE else _UNKNOWN)

    def _session(
        self,
        attributes: Mapping[str, Any],
        said: Mapping[str, object],
        resource: Mapping[str, object],
        service: str,
    ) -> Session:
        """The session of its records that don't say theirs.

        A program that tells its ``service.instance.id`` has one for each of its runs; of one that
        doesn't, nobody can tell two runs apart: its records belong to no session.
        """
        instance = attributes.get(sc.SERVICE_INSTANCE_ID)
        instance_id = ""
        if isinstance(instance, str) and instance:
            instance_id = self._hash_text(f"{service} {instance}")
        is_extension = service == _EXTENSION
        version = str(resource.get(sc.SERVICE_VERSION, ""))
        runtime = [
            str(resource[key])
            for key in (sc.PROCESS_RUNTIME_NAME, sc.PROCESS_RUNTIME_VERSION)
            if key in resource
        ]
        return Session(
            _id(said, sc.SESSION_ID) or instance_id,
            os=str(resource.get(sc.OS_TYPE, "")),
            ide=str(said.get(sc.CORTEX_IDE, "")),
            extension_version=str(said.get(sc.CORTEX_EXTENSION_VERSION, ""))
            or (version if is_extension else ""),
            server_name="" if is_extension else str(resource.get(sc.SERVICE_NAME, "")),
            server_version="" if is_extension else version,
            runtime=" ".join(runtime),
            instance_id=instance_id,
        )


def _id(said: Mapping[str, object], key: str) -> str:
    """An id as redaction left it: what was no identifier is a hash, under a key of its own."""
    found = said.get(key, said.get(key + sc.TEXT_HASH_SUFFIX, ""))
    return "" if isinstance(found, list) else str(found)
