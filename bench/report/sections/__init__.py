"""The sections of a report: their tables, charts and sentences."""
