"""Measure two versions in pairs and judge them, whatever is measured."""
