"""The embedded web admin: pages, API, live updates, export."""
