"""Judge params: oracle, comparison, conformance check, common mistakes."""
