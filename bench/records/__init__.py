"""What a run leaves on disk: its schema, its files, merging."""
