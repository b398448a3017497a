"""The HTTP service and the MCP server: thin doors over `search` and `indexer`.

They give the same answers, units and defaults as the engine. `service.factory.create_app` puts the parts together.
"""
