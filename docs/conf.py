"""Configuration of the documentation site: ``nox -s docs`` builds it with Sphinx and MyST.

The source folder is the repository itself, so a link between two Markdown files works both on
GitHub and in the site.
"""

import os
from pathlib import Path

from sphinx.application import Sphinx

project = "softmax-bench"
extensions = ["myst_parser", "sphinxext.opengraph"]
# What a link to a page shows elsewhere: its first sentences, and its first picture.
ogp_site_url = os.environ.get("SITE_URL", "")
ogp_image = "_static/order.png"
ogp_image_alt = "Where an epoch of each framework is expected, in multiples of NumPy's"
html_static_path = ["findings/order.png"]
root_doc = "README"
include_patterns = [
    *("*.md", "docs/*.md", "docs/gate/*.md", "docs/studies/*.md"),
    *("results/README.md", "results/reference/*/report.md"),
]
exclude_patterns = [".*", "**/.*", "site", "results/reference/*/params"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False

# `python docs/findings.py live` writes this page; Sphinx does not know it.
LIVE = """
## All machines in one table

```{raw} html
<p><a href="live/report.html">On a page of its own</a>: choose the program that the others are
relative to, sort by a machine, or choose a family.</p>
<iframe src="live/report.html" title="All machines in one table" loading="lazy"
 style="width: 100%; height: 40rem; border: 1px solid var(--color-background-border)"></iframe>
```
"""

# All reports have the same title, so the sidebar names their folders.
REPORTS = "\n".join(
    f"{path.parent.name} <results/reference/{path.parent.name}/report>"
    for path in sorted(Path(__file__).parents[1].glob("results/reference/*/report.md"))
)

# Two shelves, each with its reference; what else lies in docs/ is for contributors.
BENCHMARK = """docs/README
docs/findings
docs/ten-minutes
docs/slower
docs/questions
docs/chapter
docs/framework
docs/cluster
docs/gpu
docs/releases
docs/methodology
docs/parity
docs/tuning
docs/records"""
GATE = """docs/gate/start
docs/gate/reference
docs/gate/evidence"""
PAGES = sorted(f"docs/{path.stem}" for path in Path(__file__).parent.glob("*.md"))
PAGES.append("docs/studies/README")
REST = "\n".join(page for page in PAGES if page not in BENCHMARK.split())

# The sidebar. It is not in README.md because GitHub would show it as a block of code.
SIDEBAR = f"""
```{{toctree}}
:hidden:
:caption: The benchmark
{BENCHMARK}
```
```{{toctree}}
:hidden:
:caption: The gate
{GATE}
```
```{{toctree}}
:hidden:
:caption: Inside
{REST}
```
```{{toctree}}
:hidden:
:caption: The machines and their runs
results/README
{REPORTS}
```
```{{toctree}}
:hidden:
:glob:
:caption: Project
*
```
"""


def setup(app: Sphinx) -> None:
    """Append the live table and the sidebar to the first page."""
    app.connect("source-read", _add_sidebar)


def _add_sidebar(app: Sphinx, page: str, source: list[str]) -> None:
    if page == app.config.root_doc:
        source[0] += LIVE + SIDEBAR
