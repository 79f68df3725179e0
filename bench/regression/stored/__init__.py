"""``bench compare``: compare two stored runs."""
