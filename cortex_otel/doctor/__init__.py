"""``cortex-otel doctor``: what keeps calls from being recorded, and what to type instead.

``installation`` looks at this installation, ``round_trip`` sends one record of each signal through
it, ``target`` finds out which Python a command line will run, ``environment`` asks that Python,
``source`` reads the tools of a server, ``server`` starts it. All of them return findings.
"""
