"""Each follows a named page of its framework's documentation."""
