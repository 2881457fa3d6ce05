"""Databases as older versions left them."""

from __future__ import annotations

#: Takes back what version 6 of the schema added.
BACK_TO_5 = """
DROP TABLE jobs; DROP TABLE alert_messages; DROP TABLE alerts;
DROP TABLE metric_periods; DROP TABLE metric_days; DROP TABLE imported_pieces;
DROP INDEX telemetry_metrics_named;
DELETE FROM store WHERE key = 'keys_deleted';
PRAGMA user_version = 5
"""
