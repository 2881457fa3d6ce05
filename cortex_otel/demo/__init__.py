"""Something to look at: real MCP servers, driven by the real client, recorded for real.

* :mod:`.server`: an MCP server with telemetry, to copy from; :mod:`.memory` is what it serves.
* :mod:`.scenario`: who calls what; :mod:`.drive` starts the servers, calls and checks;
  :mod:`.directory` is where the demo's own database lies; :mod:`.report` prints what happened.

``cortex-otel demo --once`` runs it; its packages are the extra ``cortex-otel[demo]``.
"""
