"""Show comparisons as tables, Markdown, JSON and annotations."""
