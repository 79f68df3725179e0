"""Print what a comparison decided."""

from bench.cli import console
from bench.cli.console import format_table, print_line
from bench.report.regression import output
from bench.report.regression.output import ComparisonOutput


def print_comparison(comparison: ComparisonOutput, style: str) -> None:
    """Print a comparison; in the formats for programs print nothing else."""
    if style != "table":
        print(output.format_output(comparison, style), end="" if style == "markdown" else "\n")
        return
    for line in comparison.opening:
        print_line(line)
    for table in comparison.tables:
        if table.lines:
            console.stdout.print("\n", format_table(table), sep="")
            print_line(table.note)
    for line in comparison.remarks:
        print_line(line)
