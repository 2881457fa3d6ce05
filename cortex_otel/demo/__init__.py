"""Something to look at: real MCP servers, driven by the real client, recorded for real.

* :mod:`.server`: an MCP server with telemetry, to copy from; :mod:`.memory` is what it serves.
* :mod:`.scenario`: who calls what; :mod:`.runner` starts the servers and calls.
* :mod:`.reconciliation`: checks what is stored against the calls; :mod:`.report` prints it.
* :mod:`.directory`: where the demo's own database lies.
* :mod:`.synthetic_data`: 90 days of made-up users, through the real write path; :mod:`.users` are
  who they are, :mod:`.user_sessions` what they do, :mod:`.product` what they do it with.
* :mod:`.serving`: shows it all in the web admin; :mod:`.live_calls` keeps it moving,
  :mod:`.page_checks` looks at every page once.

``cortex-otel demo --once`` runs the calls, ``--serve`` the pages too; what they need is the extra
``demo``.
"""
