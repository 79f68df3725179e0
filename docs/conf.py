"""Configuration of the documentation site: ``nox -s docs`` builds it with Sphinx and MyST.

The source folder is the repository itself, so a link between two Markdown files works both on
GitHub and in the site.
"""

from pathlib import Path

from sphinx.application import Sphinx

project = "softmax-bench"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = [
    *("*.md", "docs/*.md", "docs/editions/*.md"),
    *("results/README.md", "results/reference/*/report.md"),
]
exclude_patterns = [".*", "**/.*", "site", "results/reference/*/params"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = project
html_copy_source = False
html_show_sphinx = False

# All reports have the same title, so the sidebar names their folders.
REPORTS = "\n".join(
    f"{path.parent.name} <results/reference/{path.parent.name}/report>"
    for path in sorted(Path(__file__).parents[1].glob("results/reference/*/report.md"))
)

# Each reader has a page to start with (docs/README.md); the others are reference.
START = """docs/findings
docs/README
docs/chapter
docs/slower
docs/framework
docs/cluster
docs/ci"""
PAGES = sorted(f"docs/{path.stem}" for path in Path(__file__).parent.glob("*.md"))
REFERENCE = "\n".join(page for page in PAGES if page not in START.split())

# The sidebar. It is not in README.md because GitHub would show it as a block of code.
SIDEBAR = f"""
```{{toctree}}
:hidden:
{START}
```
```{{toctree}}
:hidden:
:caption: Reference
{REFERENCE}
```
```{{toctree}}
:hidden:
:glob:
:caption: Releases by month
docs/editions/*
```
```{{toctree}}
:hidden:
:caption: Published runs
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
    """Append the sidebar to the first page."""
    app.connect("source-read", _add_sidebar)


def _add_sidebar(app: Sphinx, page: str, source: list[str]) -> None:
    if page == app.config.root_doc:
        source[0] += SIDEBAR
