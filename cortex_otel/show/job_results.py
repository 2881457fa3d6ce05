"""Phrases of what came of jobs.

The table ``jobs`` has one English line of numbers and these phrases, which programs get as it is.
The phrases are replaced where people read it; what isn't listed is a name, or an error's own text.
"""

from __future__ import annotations

from typing import Final

from cortex_otel.locale import N_

__all__ = ["PHRASES"]

#: Replaced one after the other: one that is part of another comes after it.
PHRASES: Final = (
    N_("nothing is recorded yet: no report"),
    N_("nothing is recorded yet"),
    N_("nothing deleted"),
    N_("off: set "),
    N_("not written: it needs more packages "),
    N_("stopped with the process that started it"),
    N_("its process was killed, or the machine stopped"),
    N_("its process ended with exit code "),
    N_("its process was ended by signal "),
    N_("no process can be started: "),
    N_("cut off after "),
    N_("the next run goes on"),
    N_(" services are in the totals only, those after the first "),
    N_(" values written"),
    N_(" value written"),
    N_(" files compressed"),
    N_(" file compressed"),
    N_(" deleted by age"),
    N_(" deleted by size"),
    N_(" event rows by age"),
    N_(" event rows by size"),
    N_(" metric rows by age"),
    N_(" metric rows by size"),
    N_(" rollup rows by age"),
    N_(" rollup rows by size"),
    N_(" session rows by age"),
    N_(" user rows by age"),
    N_(" dimension rows by age"),
    N_(" older backups deleted"),
    N_(" older backup deleted"),
    N_(" old reports deleted"),
    N_(" old report deleted"),
    N_(" events, "),
    N_(" event, "),
    N_(" bytes, not encrypted, "),
    N_(" bytes, encrypted, "),
    N_(" written ("),
    N_(" deleted, "),
)
