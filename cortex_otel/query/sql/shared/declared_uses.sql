-- Event types whose events are use of the product, and those whose aren't. Generated from telemetry/registry
-- by `make generate`: change it there.
declared_uses (event_type, is_active) AS (
    VALUES
        ('mcp.tool_call', 1),
        ('mcp.branch_create', 1),
        ('mcp.search_context', 1),
        ('mcp.update_memory', 1),
        ('mcp.compress_context', 1),
        ('mcp.reference_suggest', 1),
        ('mcp.ontology_classify', 1),
        ('ext.install', 0),
        ('ext.activate', 1),
        ('ext.ui_interaction', 1),
        ('ext.code_insert', 1),
        ('ext.context_switch', 1),
        ('ext.error', 0),
        ('feature_flag.evaluation', 0)
)
