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
    for recipe, page in found["pages"].items():
        for form, told in page["forms"].items():
            views, tried = told["views"], told["use"]
            seconds = [view["seconds_to_pictures"] for view in views]
            bad = sorted({each for view in views for each in (*view["violations"], *view["errors"])})
            rows.append(
                [
                    f"`{recipe}`",
                    form,
                    f"{told['bytes'] / 1e6:.1f} MB",
                    f"{min(seconds):.1f} to {max(seconds):.1f} s",
                    f"{max(view['largest_difference'] for view in views):.0f}",
                    "; ".join(bad) or "none",
                    "yes" if any(view["sideways"] for view in views) else "no",
                    f"{sum(tried.values())} of {len(tried)}",
                ]
            )
    names = {name: None for page in found["pages"].values() for name in page["forms"]["folder"]["use"]}
    without_model = found["pages"][recipe]["forms"]["one file"]["without_model"]
    note = (
        "\n\nOpened at desktop and at phone width, in light and in dark, every tab. Grey levels of 255 that "
        "pictures differ from PyTorch's by, at most. Tried at a phone's width, where the model is able to "
        f"(what an autoencoder or a translator makes is compared with PyTorch's too): {', '.join(names)}. "
        f"The browser's runtime takes {without_model / 1e6:.1f} MB (gzipped). Chromium {record['chromium']}, "
        f"{record['runtime']}, wasm on a shared core of one {record['processor']}, {record['date']}."
    )
    head = [
        "recipe", "form", "size", "first pictures after", "grey levels off", "axe-core finds",
        "scrolls sideways", "does what it says",
    ]  # fmt: skip
    return table(head, rows) + note


def write_rates() -> str:
    """Images a second to one file, against a PNG at a time."""
    found = results("write-rates")
    record, names = (
        found["record"],
        {
            "plain_png_at_a_time": "a PNG at a time, by Pillow's `save`",
            "png_at_a_time": "a PNG at a time, each flushed to the disk (`--out FOLDER`)",
            "npz": "`.npz`",
            "parquet": "parquet",
        },
    )
    rows = [
        [
            told,
            f"{found[name]['images']:,}",
            f"{found[name]['per_second']:,}",
            f"{found[name].get('ratio', 1):.1f}",
            f"{found[name]['bytes_an_image']:,}",
        ]
        for name, told in names.items()
    ]
    return table(["written as", "images", "images/s", "times the first", "bytes an image"], rows) + (
        f"\n\n32×32 RGB, in one run; {record['cores']} shared cores of one {record['cpu']}, {record['date']}."
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
