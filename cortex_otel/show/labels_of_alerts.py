"""What people read of alerts, in messages, on pages and in a terminal alike."""

from __future__ import annotations

from typing import Final

from cortex_otel.locale import N_

__all__ = ["CHANNELS", "DELIVERIES", "OUTCOMES", "RULES", "SERVICES", "STATES", "TROUBLES"]

#: As people write the services that are declared; others have their name.
SERVICES: Final = {"mcp": "MCP", "extension": "Extension", "web": "Web"}
RULES: Final = {
    "error_rate": N_("Error rate"),
    "response_time": N_("Response time"),
    "service_down": N_("Service down"),
    "store": N_("Store in trouble"),
    "job": N_("Job failed"),
    "disk": N_("Disk nearly full"),
}
STATES: Final = {
    "pending": N_("Pending"),
    "firing": N_("Firing"),
    "resolved": N_("Resolved"),
}
#: How the last run of a job ended.
OUTCOMES: Final = {
    "done": N_("Done"),
    "failed": N_("Failed"),
    "timed_out": N_("Timed out"),
    "interrupted": N_("Interrupted"),
    "off": N_("Off"),
}
CHANNELS: Final = {"slack": "Slack", "webhook": N_("Webhook"), "command": N_("Command")}
#: How far it is that a channel was told.
DELIVERIES: Final = {
    "delivered": N_("delivered"),
    "given up": N_("given up"),
    "waiting": N_("waiting"),
    "trying": N_("trying"),
}
#: What keeps a process from storing or reading, as named in its heartbeat.
TROUBLES: Final = {
    "disk_full": N_("the disk is full"),
    "read_only": N_("the database or its directory is read-only"),
    "locked": N_("another process keeps the database locked"),
    "corrupt": N_("the database is damaged"),
    "schema_newer": N_("the database was written by a newer cortex-otel"),
    "not_ours": N_("the file isn't a cortex-otel database"),
    "unavailable": N_("the database can't be opened"),
    "slow": N_("questions take too long"),
}
