"""A table once, in each form that people take away: HTML, CSV, LaTeX."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "…": r"\ldots{}",
    "−": "$-$",
    "∞": r"$\infty$",
    "×": r"$\times$",
}


@dataclass(frozen=True)
class Table:
    """Rows of words under a header; the first column names the row.  ``name``: of its files."""

    name: str
    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def csv(self) -> str:
        """Comma-separated, its minus signs those of a keyboard."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.header, *self.rows])
        return text.getvalue().replace("−", "-")

    def latex(self) -> str:
        """A ``tabular`` with booktabs' rules."""
        lines = [" & ".join(_tex(cell) for cell in row) + r" \\" for row in (self.header, *self.rows)]
        columns = "l" + "r" * (len(self.header) - 1)
        return "\n".join(
            [
                f"% {_tex(self.title)}; needs \\usepackage{{booktabs}}",
                f"\\begin{{tabular}}{{{columns}}}",
                r"\toprule",
                lines[0],
                r"\midrule",
                *lines[1:],
                r"\bottomrule",
                r"\end{tabular}",
                "",
            ]
        )

    def html(self) -> str:
        """The table, with links that save it."""
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in self.header)
        body = "".join(
            f'<tr><th scope="row">{escape(row[0])}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in self.rows
        )
        links = " · ".join(
            f'<a download="{self.name}.{suffix}" href="data:text/plain;charset=utf-8,{quote(text)}" '
            f'aria-label="save {escape(self.title)} as {kind}">{kind}</a>'
            for suffix, kind, text in (("csv", "CSV", self.csv()), ("tex", "LaTeX", self.latex()))
        )
        return (
            f'<div class="table" role="region" aria-label="table: {escape(self.title)}" tabindex="0"><table>'
            f"<caption>{escape(self.title)} <span class=save>{links}</span></caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)
