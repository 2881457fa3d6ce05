"""What keeps the store alive without a hand on it: jobs with a cadence, and what each of them does.

:mod:`.jobs` lists them; ``cortex-otel serve`` runs them when they are due (:mod:`.scheduler`), and
each is a command as well, for people who use cron or systemd. Nothing here runs in an instrumented
process.
"""
