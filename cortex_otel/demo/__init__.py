"""Something to look at: real MCP servers, driven by the real client, recorded for real.

* :mod:`.server`: an MCP server with telemetry, to copy from; :mod:`.memory` is what it serves.
* :mod:`.scenario`: who calls what; :mod:`.drive` starts the servers and calls.
* :mod:`.books`: checks what is stored against the calls; :mod:`.report` prints it.
* :mod:`.directory`: where the demo's own database lies.

``cortex-otel demo --once`` runs it; its packages are the extra ``cortex-otel[demo]``.
"""
