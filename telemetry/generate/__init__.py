"""Makes code and documentation of what ``telemetry/registry`` declares; development only.

``python -m telemetry.generate`` writes, ``--check`` fails where a lint or a written file disagrees.
"""
