"""Write one self-contained HTML page: text, tables and figures in the order in which they are added.

The file can be mailed or archived as it is: figures are inside it.  They also lie beside it, each as PNG and
PDF, for slides and papers.
"""

from __future__ import annotations

import io
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from numbers import Integral, Real
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from lblhep import __version__
from lblhep.report.style import house_style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from lblhep.report.protocols import Launched

Format = str | Callable[[Any], str]
MAX_TABLE_ROWS = 1000  # rows; a browser is slow beyond, and nobody reads them
_FACTS = {
    "recipe_digest": "digest of the recipe",
    "code_digest": "digest of the code",
    "run_id": "MLflow run",
}
HEADLINE_MARK = "<!-- headline -->"  # its place in page.html
PIXELS_PER_INCH = 200  # sharp on a screen of double density


@dataclass(frozen=True)
class _Section:
    level: int
    anchor: str
    text: str


@dataclass(frozen=True)
class _Picture:
    png: bytes
    pdf: bytes


class Page:
    """Collects a report's page; every method but ``write`` adds to its end and returns nothing."""

    def __init__(self, title: str, subtitle: str = "") -> None:
        self.title = title
        self.subtitle = subtitle
        self._sections: list[_Section] = []
        self._blocks: list[str] = []
        self._pictures: dict[str, _Picture] = {}

    def heading(self, text: str, level: int = 2) -> None:
        """Add a section's heading (level 2 or 3); it also stands in the table of contents."""
        section = _Section(level, f"section-{len(self._sections) + 1}", text)
        self._sections.append(section)
        self._blocks.append(f'<h{level} id="{section.anchor}">{escape(text)}</h{level}>')

    def text(self, markdown: str) -> None:
        """Add paragraphs, lists, emphasis, links and code in Markdown; HTML in it is shown, not obeyed."""
        from markdown_it import MarkdownIt

        reader = MarkdownIt("commonmark", {"html": False}).enable("table")
        self._blocks.append(reader.render(markdown))

    def code(self, text: str) -> None:
        """Add text as it stands: a recipe, a command, a traceback."""
        self._blocks.append(f"<pre><code>{escape(text)}</code></pre>")

    def table(
        self, frame: pd.DataFrame, caption: str = "", formats: Mapping[str, Format] | None = None
    ) -> None:
        """Add a table that scrolls inside the page; ``formats`` maps a column to a format (".3f") or a
        function.

        Floats without a format get four significant digits; a missing value is left empty.
        """
        formats = formats or {}
        words = [not _is_number(frame[name].dtype) for name in frame.columns]
        head = "".join(_cell("th", str(name), word) for name, word in zip(frame.columns, words, strict=True))
        rows = []
        for values in frame.head(MAX_TABLE_ROWS).itertuples(index=False):
            cells = zip(frame.columns, values, words, strict=True)
            rows.append("".join(_cell("td", formatted(v, formats.get(n)), w) for n, v, w in cells))
        if len(frame) > MAX_TABLE_ROWS:
            caption = f"{caption} (the first {MAX_TABLE_ROWS} of {len(frame)} rows)".strip()
        body = "".join(f"<tr>{row}</tr>\n" for row in rows)
        title = f"<caption>{escape(caption)}</caption>" if caption else ""
        table = f"<table>{title}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table>"
        self._blocks.append(f'<div class="scroll">{table}</div>')

    def figure(self, name: str, figure: Figure, caption: str = "") -> None:
        """Draw ``figure`` now; ``name`` (a file name without suffix) must be new on this page."""
        if name in self._pictures:
            raise ValueError(f"the page already has a figure {name!r}")
        png = _drawn(figure, "png")
        figure.set_layout_engine("none")  # what is laid out stays: to lay out takes as long as to draw
        picture = self._pictures[name] = _Picture(png, _drawn(figure, "pdf"))
        source = b64encode(picture.png).decode()
        files = f'<a href="{escape(name)}.pdf">PDF</a>'
        self._blocks.append(
            f'<figure id="figure-{escape(name)}"><img alt="{escape(caption or name)}" '
            f'src="data:image/png;base64,{source}">'
            f"<figcaption>{escape(caption)} {files}</figcaption></figure>"
        )

    def provenance(self, launch: Launched) -> None:
        """Add the page's last section: what made it and the resolved recipe, as YAML."""
        self.heading("Provenance")
        rows = "".join(
            f"<tr>{_cell('td', name, True)}{_cell('td', value, True)}</tr>" for name, value in _facts(launch)
        )
        self._blocks.append(f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>')
        self.text("The recipe, resolved: saved as a file, it runs as it stands.")
        self.code(launch.recipe.to_yaml())

    def write(self, directory: Path) -> Path:
        """Write ``index.html`` and the figures' files into ``directory``; the page's path comes back."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, picture in self._pictures.items():
            (directory / f"{name}.png").write_bytes(picture.png)
            (directory / f"{name}.pdf").write_bytes(picture.pdf)
        template = Template((files("lblhep.report") / "page.html").read_text(encoding="utf-8"))
        page = directory / "index.html"
        page.write_text(
            template.substitute(
                title=escape(self.title),
                subtitle=escape(self.subtitle),
                version=__version__,
                contents=self._contents(),
                body="\n".join(self._blocks),
            ),
            encoding="utf-8",
        )
        return page

    def _contents(self) -> str:
        if len(self._sections) < 2:
            return ""
        entries = "".join(
            f'<li class="level{s.level}"><a href="#{s.anchor}">{escape(s.text)}</a></li>'
            for s in self._sections
        )
        return f'<nav aria-label="contents"><ol>{entries}</ol></nav>'


def put_headline(page: Path, headline: Mapping[str, str | float], warning: str = "") -> None:
    """Begin a page that ``Page.write`` has written with its headline, which is known once it is rendered."""
    begin = f'<p class="incomplete">{escape(warning)}</p>\n' if warning else ""
    if headline:
        rows = ((_cell("td", name, True), _cell("td", formatted(v), True)) for name, v in headline.items())
        body = "\n".join(f"<tr>{name}{value}</tr>" for name, value in rows)
        begin += f'<div class="scroll"><table><tbody>\n{body}\n</tbody></table></div>\n'
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace(f"{HEADLINE_MARK}\n", begin, 1), encoding="utf-8")


def formatted(value: Any, format_: Format | None = None) -> str:
    """Write one value as text: by its format, else four significant digits for a float; "" for a missing
    one."""
    import pandas as pd

    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    if callable(format_):
        return format_(value)
    if format_ is not None:
        return format(value, format_)
    is_real = isinstance(value, Real) and not isinstance(value, Integral)
    return f"{value:.4g}" if is_real else str(value)


def _facts(launch: Launched) -> Iterator[tuple[str, str]]:
    """Return what the launch's own record says of itself; its state is left out, since it ends after its
    report."""
    yield "launch", launch.directory.name
    if "started" in launch.info:
        yield "started", time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(launch.info["started"]))
    yield "lblhep", __version__
    for name, meaning in _FACTS.items():
        if launch.info.get(name):
            yield meaning, str(launch.info[name])


def _is_number(dtype: Any) -> bool:
    return getattr(dtype, "kind", "O") in "iufc"


def _cell(tag: str, text: str, word: bool) -> str:
    kind = ' class="word"' if word else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"


def _drawn(figure: Figure, kind: str) -> bytes:
    """Draw the figure into a file.  Its metadata hold no date: the same launch gives the same bytes."""
    metadata = {"CreationDate": None} if kind == "pdf" else {"Software": f"lblhep {__version__}"}
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(buffer, format=kind, dpi=PIXELS_PER_INCH, metadata=metadata)
    return buffer.getvalue()
