"""``bench intervals``: how often the intervals of a report hold, by simulation."""

from typing import Annotated

import typer

from bench.verbs import Seed, console

Deviation = Annotated[float, typer.Option(min=0, max=1, help="Of the logarithms.")]


def intervals(
    within: Deviation = 0.035,
    between: Deviation = 0.038,
    drift: Annotated[float, typer.Option(min=-1, max=1, help="From first to last block.")] = 0.1,
    precision: Annotated[str, typer.Option(metavar="SHARE", help="Asked for, such as 2%.")] = "2%",
    repeats: Annotated[int, typer.Option(min=100, max=1_000_000)] = 20_000,
    seed: Seed = 42,
) -> None:
    """Simulate how often our intervals hold the true value, at given spreads."""
    from bench import amounts, simulate
    from bench.report import terminal

    share = amounts.share(precision) or 0.02
    still = simulate.Simulation(simulate.Spread(within, between), repeats, seed)
    drifting = simulate.Simulation(simulate.Spread(within, between, drift), repeats, seed)
    lines = [(f"{rounds} rounds", still.fixed(rounds)) for rounds in (3, 5, 10)]
    lines += [
        (f"{rounds} rounds, drift {drift:.0%}", drifting.fixed(rounds)) for rounds in (3, 5, 10)
    ]
    lines.append((f"5, then as many as ± {100 * share:g} % takes", still.two_stages(5, share)))
    lines.append((f"until it looks like ± {100 * share:g} %", still.until_narrow(5, share)))
    lines += [
        (f"{here} rounds, {there} on another machine", still.two_machines(here, there))
        for here, there in ((3, 3), (5, 5), (10, 10), (3, 10), (10, 3))
    ]
    console.print(terminal.coverage(lines))
