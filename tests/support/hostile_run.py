"""A run whose every text is an attack, for the tests of all that shows it."""

from msgspec.structs import replace
from support.records import MACHINE, case, environment, run, trials
from support.records import write as write_run

from bench.errors import clean_text
from bench.records import store

# HTML, the end of a script, line separators of old JavaScript, Markdown, a formula, bare links, a
# line that a CI obeys, what a terminal obeys, and marks that reorder a line.
HOSTILE = (
    "=1+1</script><script>window.broken = true</script><img src=x onerror='window.broken = true'>"
    "\u2028\u2029 | a\n# b `c` [d](javascript:window.broken=true) **e** &lt; \"'{{ 7 * 6 }}"
    " http://evil.example www.evil.example\n::error::owned\r\x1b]0;owned\x07\x1b[2J\x7f\x85\x9b2J"
    "\u061c\u200e\u200f\u202a\u202e\u2066\u2069"
)


def write(folder, name=""):
    """Write a run of two good rows and a failed one, all of whose texts are hostile.

    name: the end of the run's name.
    """
    texts = {"framework": HOSTILE, "module": HOSTILE, "extra": HOSTILE}
    cases = [case(f"{name}{HOSTILE}", **texts) for name in ("", "second ", "failed ")]
    cases.append(case("tuned", style="tuned", workload=f"yours {HOSTILE}"))
    records = [
        *trials(cases[0], 0.5, 0.5, phase_rss_bytes={"start": 2**20, "epochs": 2**30}),
        *trials(cases[1], 0.25, 0.25, conditions={HOSTILE: 1.0}),
        *trials(cases[2], 0.1, 0.1, status="failed", reason=HOSTILE, stderr_tail=HOSTILE),
        *trials(cases[3], 0.75),
    ]
    # The quote that the text opens is closed: a command is always quoted.
    plan = run(
        *cases,
        command=f'python -m bench run {HOSTILE}"',
        run=f"{HOSTILE}{name}",
        rounds={of.workload: 2 for of in cases},
    )
    # A trial's id is part of a file's name, which may not be so long.
    records = [replace(record, trial=f"r{number}") for number, record in enumerate(records)]
    machine = {**MACHINE, "name": HOSTILE, "system": HOSTILE, HOSTILE: HOSTILE}
    facts = {"machine": machine, "suite": {"version": HOSTILE, "commit": HOSTILE}}
    facts["data"] = {"name": HOSTILE, "source": HOSTILE, "sha256": {HOSTILE: HOSTILE}}
    written = write_run(folder, plan, *records, **facts)
    software = {"python": HOSTILE, "blas": HOSTILE, "distributions": {HOSTILE: HOSTILE}}
    store.add_environment(written, environment(id="second", software=software, **facts))
    return written


def line(text):
    """Return a text as a report shows it: in one line."""
    return " ".join(clean_text(text).split())
