"""What the user may decide.

:class:`Settings` is frozen and made once, at start-up. ``docs/reference/settings.md`` is generated
from it. In code (:func:`cortex_otel.configure`) and in the command line a setting that makes no
sense raises :class:`SettingError`; under zero-code start it warns once and the default is used.

* ``declared/``: each setting once, with its meaning, in the file of its subject;
* :mod:`~cortex_otel.settings.declaration`: :class:`Settings`, which has them all;
* :mod:`~cortex_otel.settings.parsers`: from text to a value;
* :mod:`~cortex_otel.settings.reading`: from environment and code to :class:`Settings`;
* :mod:`~cortex_otel.settings.headers`: the file of headers for a Collector;
* :mod:`~cortex_otel.settings.log_file`: the log file that the settings ask for;
* :mod:`~cortex_otel.settings.host_config`: whether the host's ``config.py`` leaves telemetry on.
"""

from __future__ import annotations

from cortex_otel.settings.declaration import Settings
from cortex_otel.settings.declared.alerts import ALERT_RULES
from cortex_otel.settings.headers import read_headers
from cortex_otel.settings.host_config import enabled_by_host
from cortex_otel.settings.reading import SettingError, read_environment, to_environment

__all__ = [
    "ALERT_RULES",
    "SettingError",
    "Settings",
    "enabled_by_host",
    "read_environment",
    "read_headers",
    "to_environment",
]
