"""The page: self-contained, safe with any text, the same bytes twice."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lblhep.report import Page, new_figure
from lblhep.report.page import MAX_TABLE_ROWS, formatted, put_headline


class Balanced(HTMLParser):
    """Fails on a tag that is closed out of order, or never."""

    void = ("meta", "img", "br", "hr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.void:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def filled_page() -> Page:
    page = Page("Bumps & <wiggles>", "8 windows")
    page.heading("Significance")
    page.text("A *clear* bump at 3.5 TeV, **not** <script>alert(1)</script>:\n\n- one\n- two\n")
    figure, axes = new_figure()
    axes.plot([1, 2, 3], [1, 4, 9])
    axes.set(xlabel="$m_{jj}$ [GeV]", ylabel="events")
    page.figure("spectrum", figure, "After the cut at 1 %.")
    page.heading("Numbers", level=3)
    page.table(
        pd.DataFrame({"window": [0, 1], "p": [0.0123456, np.nan], "note": ["<b>", ""]}), "All windows."
    )
    return page


def test_the_page_stands_alone(tmp_path: Path) -> None:
    text = filled_page().write(tmp_path).read_text()
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
    assert 'src="data:image/png;base64,' in text
    assert "<script" not in text
    reader = Balanced()
    reader.feed(text)
    assert reader.open == []


def test_text_is_escaped_and_markdown_is_read(tmp_path: Path) -> None:
    text = filled_page().write(tmp_path).read_text()
    assert "<h1>Bumps &amp; &lt;wiggles&gt;</h1>" in text
    assert "<em>clear</em>" in text
    assert "<strong>not</strong>" in text
    assert "&lt;script&gt;" in text
    assert "&lt;b&gt;" in text


def test_contents_point_at_the_headings(tmp_path: Path) -> None:
    text = filled_page().write(tmp_path).read_text()
    anchors = re.findall(r'<a href="#([^"]+)">', text)
    assert len(anchors) == 2
    assert all(f'id="{anchor}"' in text for anchor in anchors)


def test_the_headline_comes_first(tmp_path: Path) -> None:
    page = filled_page().write(tmp_path)
    put_headline(page, {"best <AUC>": 0.912345}, "INCOMPLETE: 3 of 4 trials finished")
    text = page.read_text()
    begin = text[: text.index("<nav")]
    assert '<tr><td class="word">best &lt;AUC&gt;</td><td class="word">0.9123</td></tr>' in begin
    assert "INCOMPLETE: 3 of 4 trials finished" in begin
    Balanced().feed(text)


def test_figures_lie_beside_it_in_both_formats(tmp_path: Path) -> None:
    filled_page().write(tmp_path / "deep" / "report")
    assert (tmp_path / "deep/report/spectrum.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "deep/report/spectrum.pdf").read_bytes().startswith(b"%PDF")


def test_the_same_page_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (filled_page().write(tmp_path / name).parent for name in ("a", "b"))
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {
        p.name: p.read_bytes() for p in second.iterdir()
    }


def test_a_figures_name_is_used_once() -> None:
    page = filled_page()
    with pytest.raises(ValueError, match="already has a figure 'spectrum'"):
        page.figure("spectrum", new_figure()[0])


def test_a_long_table_says_what_it_leaves_out(tmp_path: Path) -> None:
    page = Page("long")
    page.table(pd.DataFrame({"n": range(MAX_TABLE_ROWS + 5)}), "Counts.")
    text = page.write(tmp_path).read_text()
    assert f"Counts. (the first {MAX_TABLE_ROWS} of {MAX_TABLE_ROWS + 5} rows)" in text
    assert text.count("<tr>") == MAX_TABLE_ROWS + 1


@pytest.mark.parametrize(
    ("value", "format_", "text"),
    [
        (0.123456, None, "0.1235"),
        (np.float32(0.5), None, "0.5"),
        (12, None, "12"),
        (True, None, "True"),
        (float("nan"), ".3f", ""),
        (None, None, ""),
        (0.5, ".3f", "0.500"),
        (0.5, lambda value: f"{value:.0%}", "50%"),
        ("text", None, "text"),
    ],
)
def test_values_as_text(value: object, format_: object, text: str) -> None:
    assert formatted(value, format_) == text  # type: ignore[arg-type]
