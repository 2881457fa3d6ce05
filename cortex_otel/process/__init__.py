"""Between instrument and store: redaction, sampling, and the row that comes of it.

* :mod:`.redact`: what of a record may be kept; :mod:`.patterns`: personal data in text.
* :mod:`.sample`: which records are kept, and what weight they carry.
* :mod:`.convert`: span, log record or metric → row; :mod:`.processor`: the SDK's hooks.
"""
