"""Stops at its first line."""

raise OSError("libabacus.so: cannot open shared object file")
