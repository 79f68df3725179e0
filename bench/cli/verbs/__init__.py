"""One file a verb; ``records`` has ``export`` and ``merge``, ``cluster`` is part of ``run``."""
