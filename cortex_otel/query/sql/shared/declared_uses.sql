-- Event types whose events are use of the product. Generated from telemetry/registry by `make generate`:
-- change it there.
declared_uses (event_type) AS (
    VALUES
        ('mcp.tool_call'),
        ('mcp.branch_create'),
        ('mcp.search_context'),
        ('mcp.update_memory'),
        ('mcp.compress_context'),
        ('mcp.reference_suggest'),
        ('mcp.ontology_classify'),
        ('ext.activate'),
        ('ext.ui_interaction'),
        ('ext.code_insert'),
        ('ext.context_switch')
)
