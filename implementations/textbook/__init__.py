"""The two programs of the textbook, whose printed results are compared with ours."""
