"""The tables of docs/out.md: starting up, writing many images, ONNX beside PyTorch."""

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


def onnx() -> str:
    """Each architecture's largest difference between onnxruntime and PyTorch, over its networks."""
    found = results("onnx")
    record, rows = found["record"], []
    for name, roles in found["networks"].items():
        grey = [levels["largest"] for role in roles.values() if (levels := role["half_grey_levels"])]
        rows.append(
            [
                f"`{name}`",
                ", ".join(roles),
                f"{max(role['largest_difference'] for role in roles.values()):.1e}",
                f"{max(role['half_largest_difference'] for role in roles.values()):.1e}",
                f"{max(grey):.0f}" if grey else "–",
            ]
        )
    head = ["networks", "exported", "fp32: largest difference", "fp16: largest difference", "in grey levels"]
    return table(head, rows) + (
        f"\n\nNarrow networks of every kind from their initialisation, {found['seeds']} seeds, opset "
        f"{found['opset']}, allowed {found['tolerance']:g} in fp32; torch {record['torch']}, onnxruntime "
        f"{record['onnxruntime']}, {record['date']}."
    )


TABLES = {"onnx": onnx, "start-up": start_up, "write-rates": write_rates}
