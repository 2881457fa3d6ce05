"""The demo: real MCP servers, called by a real client and really recorded.

* :mod:`.command`: its options.
* :mod:`.server`: an example MCP server with telemetry; :mod:`.memory` is what it serves.
* :mod:`.scenario`: the calls of each user; :mod:`.runner` starts the servers and calls them.
* :mod:`.reconciliation`: compares what is stored with the calls; :mod:`.report` prints it.
* :mod:`.directory`: the directory of the demo's own database.
* :mod:`.synthetic_data`: 90 days of synthetic users, through the real write path; :mod:`.users`
  generates the users, :mod:`.user_sessions` their sessions, :mod:`.plan` has the calendar,
  :mod:`.product` describes the product.
* :mod:`.upkeep`: what a server would have done by now: named metrics, alerts, a weekly report.
* :mod:`.serving`: shows it all in the web admin; :mod:`.live_calls` makes calls meanwhile,
  :mod:`.incidents` has the alerts fire, :mod:`.page_checks` fetches every page once.

``cortex-otel demo --once`` runs the calls, ``--serve`` also serves the pages; the packages they
need are the extra ``demo``.
"""
