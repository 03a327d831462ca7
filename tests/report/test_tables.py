import csv
import io

from visavis.report.tables import Table

TABLE = Table("cost", "Cost & time", ("run", "images/s"), [("a_b", "−3 %"), ("<c>", "1 … ∞")])


def test_csv_has_plain_minus_signs() -> None:
    rows = list(csv.reader(io.StringIO(TABLE.csv())))
    assert rows == [["run", "images/s"], ["a_b", "-3 %"], ["<c>", "1 … ∞"]]


def test_latex_escapes_what_is_special_there() -> None:
    lines = TABLE.latex().splitlines()
    assert r"a\_b & $-$3 \% \\" in lines
    assert r"<c> & 1 \ldots{} $\infty$ \\" in lines


def test_html_escapes_and_can_be_scrolled_by_keyboard() -> None:
    html = TABLE.html()
    assert '<th scope="row">&lt;c&gt;</th>' in html
    assert 'role="region" aria-label="table: Cost &amp; time" tabindex="0"' in html
    assert 'download="cost.csv"' in html and 'download="cost.tex"' in html
