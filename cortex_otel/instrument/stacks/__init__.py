"""One small adapter for each family of MCP stacks.

* :mod:`.mcp1`: mcp 1.x, and so fastmcp 2 and 3.
* :mod:`.mcp2`: mcp 2.x, and so fastmcp 4.
* :mod:`.fastmcp`: what fastmcp 3 and 4 add: spans of their own, names of their own.

An adapter knows where its stack takes a request in, how it answers, and where the exception of a
tool can still be seen. What that means is :mod:`..outcome`'s and :mod:`..request`'s.
"""
