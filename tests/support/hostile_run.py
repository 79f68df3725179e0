"""A run whose every text is an attack, for the tests of its page."""

from msgspec.structs import replace
from support.records import MACHINE, case, environment, run, trials
from support.records import write as write_run

from bench.records import store

# HTML, the end of a script, line separators of old JavaScript, Markdown, a formula.
HOSTILE = (
    "=1+1</script><script>window.broken = true</script><img src=x onerror='window.broken = true'>"
    "\u2028\u2029 | a\n# b `c` [d](javascript:window.broken=true) **e** &lt; \"'{{ 7 * 6 }}"
)


def write(folder):
    """Write a run of two good rows and a failed one, all of whose names and reasons are hostile."""
    cases = [case(f"{name}{HOSTILE}", framework=HOSTILE) for name in ("", "second ", "failed ")]
    cases.append(case("tuned", style="tuned", workload=f"own {HOSTILE}"))
    records = [
        *trials(cases[0], 0.5, 0.5, phase_rss_bytes={"start": 2**20, "epochs": 2**30}),
        *trials(cases[1], 0.25, 0.25),
        *trials(cases[2], 0.1, 0.1, status="failed", reason=HOSTILE),
        *trials(cases[3], 0.75),
    ]
    # The quote that the text opens is closed: a command is always quoted.
    plan = run(
        *cases,
        command=f'python -m bench run {HOSTILE}"',
        run=HOSTILE,
        rounds={of.workload: 2 for of in cases},
    )
    # A trial's id is part of a file's name, which may not be so long.
    records = [replace(record, trial=f"r{number}") for number, record in enumerate(records)]
    machine = {**MACHINE, "name": HOSTILE}
    written = write_run(folder, plan, *records, machine=machine)
    other = environment(id="second", machine=machine, software={"python": HOSTILE})
    store.add_environment(written, other)
    return written


def line(text):
    """Return a text as a report shows it: in one line."""
    return " ".join(text.split())
