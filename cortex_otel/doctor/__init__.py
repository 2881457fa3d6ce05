"""``cortex-otel doctor``: finds what keeps calls from being recorded, and says how to fix it.

``installation`` checks this installation, ``round_trip`` sends one record of each signal through
it, ``target`` finds out which Python a command line runs, ``environment`` inspects that Python,
``source`` reads the tools of a server, ``server`` starts it. All of them return findings.
"""
