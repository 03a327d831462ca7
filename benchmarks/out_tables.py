"""The tables of docs/out.md: starting up, serving, writing many images, ONNX beside PyTorch."""

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


def serve_load() -> str:
    """Answers a second in batches and one by one on each machine, and what the server's memory did."""
    rows, told = [], []
    for name in ("serve-load", "serve-load-xeon"):
        found = results(name)
        record, batching = found["record"], found["batching"]
        for part, way in (("batching", "batches"), ("no_batching", "one by one")):
            rows.append(
                [
                    record["processor"],
                    way,
                    f"{found[part]['per_second']:,.0f}",
                    f"{found[part]['p50_ms']:.0f} ms",
                    f"{found[part]['p99_ms']:.0f} ms",
                    f"{found[part]['lost']}",
                ]
            )
        told.append(
            f"{record['processor']}: {found['ratio']:.1f} times as many in batches, memory after "
            f"{batching['resident_ratio']:.2f} times that before, {found['sigterm_under_load']['lost']} lost "
            f"under SIGTERM ({record['date']})"
        )
    note = (
        f"\n\n{'; '.join(told)}. The net of `{found['recipe']}`, {found['clients']} clients on the same two "
        f"cores, {batching['wall_seconds']:.0f} s a load, torch {record['torch']}."
    )
    head = ["processor", "requests answered in", "answers/s", "p50", "p99", "lost"]
    return table(head, rows) + note


def web_page() -> str:
    """A model's page in a browser, by form, width and scheme."""
    found = results("web-page")
    record, rows = found["record"], []
    for form, told in found["forms"].items():
        for view in told["views"]:
            rows.append(
                [
                    form,
                    f"{view['device']}, {view['scheme']}",
                    f"{view['seconds_to_pictures']:.0f} s",
                    f"{view['largest_difference']:.0f}",
                    "none"
                    if not view["violations"] and not view["errors"]
                    else "; ".join(view["violations"]),
                    "yes" if view["sideways"] else "no",
                ]
            )
    sizes = found["forms"]["one file"]
    used = ", ".join(name for name, works in found["forms"]["folder"]["use"].items() if works is True)
    note = (
        "\n\nGrey levels of 255 that 16 pictures differ from PyTorch's by, at most. Tried in both forms, and "
        f"all did what they say: {used}. The one file takes {sizes['bytes'] / 1e6:.1f} MB with the model of "
        f"`{found['recipe']}`, the browser's runtime {sizes['without_model'] / 1e6:.1f} MB (gzipped). "
        f"Chromium {record['chromium']}, {record['runtime']}, wasm on a shared core of one "
        f"{record['processor']}, {record['date']}."
    )
    head = ["form", "window", "first pictures after", "grey levels off", "axe-core finds", "scrolls sideways"]
    return table(head, rows) + note


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
        f"\n\nNarrow networks of every kind, with random weights and statistics, {found['seeds']} seeds, "
        f"opset {found['opset']}, allowed {found['tolerance']:g} in fp32; torch {record['torch']}, "
        f"onnxruntime {record['onnxruntime']}, {record['date']}."
    )


TABLES = {
    "onnx": onnx,
    "serve-load": serve_load,
    "start-up": start_up,
    "web-page": web_page,
    "write-rates": write_rates,
}
