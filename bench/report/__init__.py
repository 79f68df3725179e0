"""Reports of a run: Markdown, CSV, charts and terminal, all from the same numbers."""
