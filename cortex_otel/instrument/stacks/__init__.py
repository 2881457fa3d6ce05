"""One small adapter for each family of MCP stacks.

* :mod:`.mcp1`: mcp 1.x, and so fastmcp 2 and 3.
* :mod:`.mcp2`: mcp 2.x, and so fastmcp 4.
* :mod:`.fastmcp`: what fastmcp 3 and 4 add: spans of their own, names of their own.

An adapter knows where its stack receives a request, how it responds, and where the exception of a
tool can still be seen. :mod:`..outcome` and :mod:`..request` make the record from that.
"""
