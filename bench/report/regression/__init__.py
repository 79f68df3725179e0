"""Show comparisons and calibrations as tables, Markdown, JSON and annotations."""
