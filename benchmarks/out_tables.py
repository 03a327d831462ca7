"""The tables of docs/out.md: starting up, and writing many images."""

from tables import results, table


def start_up() -> str:
    """Seconds of a new process, in the median."""
    found = results("start-up")
    record, names = found["record"], {"help": "`visavis --help`", "sample": "`visavis sample`, one image"}
    rows = [
        [
            told,
            f"{found[name]['median']:.2f} s",
            f"{min(found[name]['all']):.2f} to {max(found[name]['all']):.2f}",
        ]
        for name, told in names.items()
    ]
    return table(["a new process", "median", "range"], rows) + (
        f"\n\nThe demo's run, {len(found['help']['all'])} times; {record['cores']} cores of one "
        f"{record['cpu']}, torch {record['torch']}, {record['date']}."
    )


def write_rates() -> str:
    """Images a second to one file, against a PNG at a time."""
    found = results("write-rates")
    record, names = (
        found["record"],
        {"png_at_a_time": "a PNG at a time", "npz": "`.npz`", "parquet": "parquet"},
    )
    rows = [
        [told, f"{found[name]['per_second']:,}", f"{found[name].get('ratio', 1):.1f}"]
        for name, told in names.items()
    ]
    return table(["written as", "images/s", "times the first"], rows) + (
        f"\n\n32×32 RGB, {found['npz']['images']:,} images to one file, in one run; {record['cores']} cores "
        f"of one {record['cpu']}, {record['date']}."
    )


TABLES = {"start-up": start_up, "write-rates": write_rates}
