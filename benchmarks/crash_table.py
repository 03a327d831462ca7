"""The table of docs/safety.md, from results/crash.json of ``tests/crash/walk.py``."""

from collections import Counter

from tables import results, table

FAULTS = {
    "kill": "killed before it",
    "tear": "killed in the middle of a write",
    "term": "SIGTERM",
    "interrupt": "SIGINT",
    "kill-other": "another process killed",
    "full": "disk full from there on",
    "broken": "a disk error there",
    "read-only": "read-only from there on",
}


def crash() -> str:
    """Commands, their points, and the cases that were walked."""
    found = results("crash")
    failed = Counter(row["command"] for row in found["failed"])
    rows = [
        [name, f"{found['points'][name]}", f"{cases}", f"{failed[name] or 'none'}"]
        for name, cases in sorted(found["by_command"].items())
    ]
    faults = "; ".join(f"{FAULTS[name]}: {count}" for name, count in found["by_fault"].items())
    note = (
        f"\n\n{found['cases']:,} cases of all {found['all']:,}, drawn evenly over commands and faults "
        f"({faults}), {found['seconds'] / 60:.0f} minutes; "
        f"`python tests/crash/walk.py --cases {found['cases']}`."
    )
    return table(["command", "points", "cases", "with a broken promise"], rows) + note
