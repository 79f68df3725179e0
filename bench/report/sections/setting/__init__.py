"""What was measured, where, when and how well: runs, machines, data."""
