-- Attributes that are measures, and the one without which each says nothing.
-- Generated from telemetry/registry by `make generate`: change it there.
measure_keys (attribute, measure, with_attribute) AS (
    VALUES
        ('cortex.search.results', 'results', ''),
        ('cortex.search.recall', 'recall', ''),
        ('cortex.memory.file_size_bytes', 'memory_bytes', ''),
        ('cortex.memory.token_count', 'memory_tokens', ''),
        ('cortex.compress.tokens_before', 'tokens_before', 'cortex.compress.tokens_after'),
        ('cortex.compress.tokens_after', 'tokens_after', 'cortex.compress.tokens_before'),
        ('cortex.reference.suggested', 'suggested', 'cortex.reference.accepted'),
        ('cortex.reference.accepted', 'accepted', 'cortex.reference.suggested'),
        ('cortex.code.lines_inserted', 'lines_inserted', ''),
        ('cortex.code.completion_accepted', 'completions_accepted', '')
)
