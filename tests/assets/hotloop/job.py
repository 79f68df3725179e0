"""Run the hot loop once, and print its seconds."""

import time  # noqa: TID251 - a project of its own

import hotloop

begin = time.perf_counter()
hotloop.run()
print(time.perf_counter() - begin)
