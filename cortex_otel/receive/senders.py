"""Who sends: service, tier, user and session of the records of one OTLP resource.

Nothing of this machine's own identity is put on a stranger's record. What a resource says of user,
tier, session and service counts for its records; what a record says itself wins.

Senders are distinguished by their ``service.name``. The first few of a day have budgets of names of
their own, so that none can use up another's; all others, who may be one that calls itself something
else each time, share one. Those that are configured never have to share.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from cortex_otel import semconv as sc
from cortex_otel.identity import FREE, Resolved
from cortex_otel.process.budget import Budget
from cortex_otel.process.convert import Converter
from cortex_otel.process.names import OTHER, Names
from cortex_otel.receive.declared import SENT_ONCE
from cortex_otel_exporters.record import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from cortex_otel.process.data import ResourceData
    from cortex_otel.process.redact import Redactor

__all__ = ["Sender", "Senders"]

#: In ``receiver_services``: a sender of this "service" is refused.
REFUSE: Final = "refuse"
_ALL_OTHERS: Final = "*"
_UNKNOWN: Final = "unknown_service"  # what OpenTelemetry calls a service without a name
_SERVICE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_SERVICE: Final = re.compile(r"[^A-Za-z0-9_-]")
_MAX_SERVICE_LENGTH: Final = 64
#: A resource may say these for all of its records.
_OF_RECORDS: Final = (
    sc.USER_ID, sc.ENDUSER_ID, sc.USER_HASH, sc.CORTEX_USER_TIER, sc.SESSION_ID, sc.CORTEX_SERVICE,
    sc.CORTEX_PROJECT_ID, sc.CORTEX_BRANCH_ID, *SENT_ONCE,
)  # fmt: skip
# Each remembers up to a thousand rows of spans that repeat: 1 MB, of a sender that wants it so.
_MAX_SENDERS: Final = 32
_EXTENSION: Final = "extension"
_PLATFORM: Final = Session._fields[1:7]
_NONE: Final[Mapping[str, Collection[str]]] = {}


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

    __slots__ = ("converter", "fields", "refused", "resource")

    def __init__(
        self,
        resource: ResourceData,
        converter: Converter,
        fields: Mapping[str, Any],
        *,
        refused: bool,
    ) -> None:
        self.resource = resource
        self.converter = converter
        self.fields = fields
        """What it says once for all of its events: IDE and version of the extension."""
        self.refused = refused


class _Budgets:
    """The budgets of names, by sender.

    Args:
        clean: redacts a name.
        count_overflowed: called with the kind of each name that was one too many.
        configured: senders that are known by their ``service.name``.
        given: by kind, names that cost no sender anything.
        on_turn: called when senders that haven't sent of late have been forgotten.
    """

    def __init__(
        self,
        clean: Callable[[str], str],
        count_overflowed: Callable[[str], None],
        *,
        configured: Collection[str],
        given: Mapping[str, Collection[str]],
        on_turn: Callable[[], None],
    ) -> None:
        self._make: Callable[[], Names] = lambda: Names(clean, count_overflowed, given)
        self._configured = {name: self._make() for name in configured}
        self._on_turn = on_turn
        self._senders = Budget("sender", on_turn=self._forget)
        self._own: dict[str, Names] = {}
        self._shared = self._make()

    def of(self, sent_name: str, name: str) -> Names:
        """The budgets of a sender.

        Args:
            sent_name: its ``service.name`` as it came.
            name: the same, redacted.
        """
        configured = self._configured.get(sent_name)
        if configured is not None:
            return configured
        if not self._senders.admits(name):
            return self._shared
        found = self._own.get(name)
        if found is None:
            found = self._own[name] = self._make()
        return found

    def _forget(self) -> None:
        for name in list(self._own):
            if not self._senders.holds(name):
                del self._own[name]
        self._on_turn()


class Senders:
    """The senders seen of late; for one thread.

    Args:
        redactor: what may be kept.
        hash_text: makes a keyed digest of free text.
        services: service by ``service.name``; ``*`` for all others, ``refuse`` to refuse.
        count_removed: called with how many attributes redaction removed.
        count_overflowed: called with the kind of each name that was beyond its budget.
        given: by kind, names that cost no sender anything: those in the store already.
    """

    def __init__(
        self,
        redactor: Redactor,
        hash_text: Callable[[str], str],
        services: Mapping[str, str],
        count_removed: Callable[[int], None],
        *,
        count_overflowed: Callable[[str], None] = lambda _: None,
        given: Mapping[str, Collection[str]] = _NONE,
    ) -> None:
        self._redactor = redactor
        self._hash_text = hash_text
        self._services = services
        self._count_removed = count_removed
        self._senders: OrderedDict[int, Sender] = OrderedDict()
        known = frozenset({*given.get("service", ()), *services.values(), _UNKNOWN, REFUSE})
        configured = services.keys() - {_ALL_OTHERS}
        self._budgets = _Budgets(
            redactor.name,
            count_overflowed,
            configured=configured,
            given={**given, "service": known},
            on_turn=self._senders.clear,
        )

    def of(self, resource: ResourceData) -> Sender:
        """The sender of a resource; made if it wasn't seen of late."""
        key = id(resource)  # a sender keeps its resource alive, so that no other gets its id
        sender = self._senders.get(key)
        if sender is None:
            sender, is_lasting = self._make(resource)
            if is_lasting:
                self._senders[key] = sender
                if len(self._senders) > _MAX_SENDERS:
                    self._senders.popitem(last=False)
        else:
            self._senders.move_to_end(key)
        return sender

    def _make(self, resource: ResourceData) -> tuple[Sender, bool]:
        """A sender, and whether it may be kept: not if something of it was beyond its budget."""
        attributes = resource.attributes
        kept = self._redactor.attributes(
            {key: attributes[key] for key in _OF_RECORDS if key in attributes}
        ).attributes
        kept_resource = self._redactor.resource(attributes)
        sent_name = attributes.get(sc.SERVICE_NAME)
        sent_name = sent_name if isinstance(sent_name, str) else ""
        known_as = str(
            kept_resource.get(sc.SERVICE_NAME) or kept.get(sc.CORTEX_SERVICE) or _UNKNOWN
        )
        names = self._budgets.of(sent_name, known_as)
        last_overflow = names.last_overflow
        service = self._service(sent_name, kept, kept_resource, names)
        tier = kept.get(sc.CORTEX_USER_TIER)
        resolved = Resolved(
            str(kept.get(sc.USER_HASH, "")),
            str(tier) if tier in sc.TIERS else FREE,
            _id(kept, sc.CORTEX_PROJECT_ID),
            _id(kept, sc.CORTEX_BRANCH_ID),
        )
        session = self._session(attributes, kept, kept_resource, service)
        if not names.admits("platform", session[1:7]):
            session = session._replace(
                **{field: OTHER for field in _PLATFORM if getattr(session, field)}
            )
        converter = Converter(
            self._redactor,
            _Identity(resolved, self._hash_text),
            service if service != REFUSE else _UNKNOWN,
            self._count_removed,
            session=lambda: session,
            names=names,
        )
        fields: dict[str, Any] = {key: kept[key] for key in SENT_ONCE if key in kept}
        sender = Sender(resource, converter, fields, refused=service == REFUSE)
        return sender, last_overflow is names.last_overflow

    def _service(
        self,
        name: str,
        kept: Mapping[str, object],
        resource: Mapping[str, object],
        names: Names,
    ) -> str:
        if name in self._services and name != _ALL_OTHERS:
            return self._services[name]
        claimed = kept.get(sc.CORTEX_SERVICE)
        if isinstance(claimed, str) and _SERVICE.fullmatch(claimed) and claimed != REFUSE:
            return names.bounded("service", claimed)
        if _ALL_OTHERS in self._services:
            return self._services[_ALL_OTHERS]
        known = _NOT_SERVICE.sub("_", str(resource.get(sc.SERVICE_NAME) or _UNKNOWN))
        known = known[:_MAX_SERVICE_LENGTH]
        return names.bounded("service", known if known != REFUSE else _UNKNOWN)

    def _session(
        self,
        attributes: Mapping[str, Any],
        kept: Mapping[str, object],
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
            _id(kept, sc.SESSION_ID) or instance_id,
            os=str(resource.get(sc.OS_TYPE, "")),
            ide=str(kept.get(sc.CORTEX_IDE, "")),
            extension_version=str(kept.get(sc.CORTEX_EXTENSION_VERSION, ""))
            or (version if is_extension else ""),
            server_name="" if is_extension else str(resource.get(sc.SERVICE_NAME, "")),
            server_version="" if is_extension else version,
            runtime=" ".join(runtime),
            instance_id=instance_id,
        )


def _id(kept: Mapping[str, object], key: str) -> str:
    """An id as redaction left it: what was no identifier is a hash, under a key of its own."""
    found = kept.get(key, kept.get(key + sc.TEXT_HASH_SUFFIX, ""))
    return "" if isinstance(found, list) else str(found)
