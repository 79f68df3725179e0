"""Find out whether the candidate is slower than the baseline.

``paired/`` measures and judges two versions (``bench ab``), ``stored/`` judges two stored runs
(``bench compare``), and ``result.py`` has the verdicts and exit statuses of both. ``versions/``
prepares the code that a side runs. ``stats/`` has the tests, their power and the limit of false
alarms. ``calibration/`` measures the noise and the false alarms of a machine (``bench calibrate``).
"""
