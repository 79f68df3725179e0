"""Run a tenth of the hot loop for each line that comes in, and answer with a line."""

import sys

import hotloop

for _ in sys.stdin:
    hotloop.run(hotloop.ROUNDS // 10)
    print(flush=True)
