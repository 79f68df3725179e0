"""Markdown, HTML, CSV, and numbers and sentences as people read them."""
