"""The formats of a sweep's report."""

from __future__ import annotations

from slotscope.report.formats import Format

#: Each is written by a function of a :class:`~slotscope.report.runs.folder.SweepFolder` and a path
#: that returns, in words, what the file lacks.
FORMATS = (
    Format("parquet", ".parquet", "slotscope.report.runs.parquet:write", file="results.parquet"),
    Format(
        "html",
        ".html",
        "slotscope.report.runs.sweep_page:write",
        help="The page to write.  [default: report.html in FOLDER]",
        option="out",
        file="report.html",
        needs="itables.options:dt_bundle",
        use="The page's table is sorted and filtered by DataTables",
    ),
)
