"""Ten thousand requests, right and wrong, made from the service's own OpenAPI: none of them breaks it.

``python benchmarks/malformed.py`` (needs schemathesis) serves small models in a process of its own, sends
what hypothesis makes of the schema, and writes results/malformed.json: calls by status and path, the server's
memory before and after.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tables import ROOT

from visavis.bench.pair_step import cpu_model

sys.path.insert(0, str(ROOT / "tests"))


def memory(pid: int) -> int:
    """Resident bytes."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def models(place: Path) -> list[str]:
    """Small models of three families, never trained."""
    from small_models import autoencoder, both_ways, generator_and_critic

    from visavis.models.snapshot import save_snapshot

    found = []
    for name, model in (("digits", generator_and_critic()), ("vae", autoencoder()), ("cycle", both_ways())):
        save_snapshot(
            place / name / "snapshots" / "000000000005.safetensors", model.networks, model.description
        )
        found.append(str(place / name))
    return found


def ask(url: str, calls: int, seconds: float) -> tuple[Counter[str], list[str]]:
    """At least ``calls`` requests, if ``seconds`` are enough; statuses by path, and what went wrong."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st
    from schemathesis.checks import not_a_server_error

    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    told: Counter[str] = Counter()
    wrong: list[str] = []
    operations = [each.ok() for each in schema.get_all_operations()]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    began, round_ = time.monotonic(), 0
    while sum(told.values()) < calls and time.monotonic() - began < seconds:
        for operation in operations:
            for mode in modes:
                try:
                    cases = operation.as_strategy(generation_mode=mode)
                except Exception:  # what has no parameters cannot be wrong
                    continue

                @settings(
                    max_examples=60,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                    phases=[Phase.generate],
                )
                @given(case=cases, number=st.integers(0, 2**32))
                def one(case: schemathesis.Case, number: int) -> None:
                    answer = case.call()
                    told[f"{case.method} {case.operation.path} {answer.status_code}"] += 1
                    if answer.status_code >= 500:
                        wrong.append(f"{case.method} {case.operation.path}: {answer.status_code}")
                    case.validate_response(answer, checks=[not_a_server_error])

                try:
                    one()
                except Exception as error:
                    if "Unsatisfiable" not in type(error).__name__:
                        wrong.append(f"{operation.label}: {error!r:.300}")
        round_ += 1
    return told, wrong


def main() -> None:
    """Serve, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=600.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "visavis", "serve", *models(Path(name)), "--port", "0", "--json"]
        limits = ["--images", "8", "--upload-bytes", "20000", "--pixels", "10000"]
        with subprocess.Popen([*command, *limits], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            told = ""
            while not told.rstrip().endswith("}"):
                told += server.stdout.readline()
            url = json.loads(told)["url"]
            ask(url, 500, 60)  # what a first request brings into memory is not of interest
            before, began = memory(server.pid), time.monotonic()
            counts, wrong = ask(url, asked.calls, asked.seconds)
            took, after = time.monotonic() - began, memory(server.pid)
            alive = server.poll() is None
            server.terminate()
            status = server.wait(60)
    by_status: Counter[str] = Counter()
    for key, count in counts.items():
        by_status[key.split()[-1]] += count
    record = {
        "calls": sum(counts.values()),
        "seconds": round(took, 1),
        "by_status": dict(sorted(by_status.items())),
        "by_path": dict(sorted(counts.items())),
        "wrong": wrong,
        "alive": alive,
        "status_after_sigterm": status,
        "memory_mb": [round(before / 1e6, 1), round(after / 1e6, 1)],
        "schemathesis": version("schemathesis"),
        "cpu": cpu_model(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    (ROOT / "results/malformed.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
