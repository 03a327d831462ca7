"""Ten thousand malformed requests, and good ones, made from the service's own OpenAPI: none breaks it.

``python benchmarks/malformed.py`` (needs schemathesis) serves small models in a process of its own, sends
what hypothesis makes of the schema, with names of models, labels and PNGs that there are in most of it, and
writes results/malformed.json: calls by mode, path and status, what was answered wrongly, the server's memory.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from tables import ROOT

from visavis.bench.pair_step import cpu_model

if TYPE_CHECKING:
    import schemathesis

sys.path.insert(0, str(ROOT / "tests"))

EXAMPLES = 100
"""Of each operation in each mode, before the next one's turn."""
IMAGES = 8
"""Of one request, at most."""


@dataclass
class Told:
    """What was asked and answered."""

    calls: Counter[str] = field(default_factory=Counter)
    """By method, path and status."""
    modes: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """Statuses by mode: ``valid`` or ``malformed`` as generated, or ``allowed``: generated as malformed, and
    as sent within the schema, as a form has text only."""
    wrong: list[str] = field(default_factory=list)

    @property
    def malformed(self) -> int:
        """Requests outside the schema."""
        return sum(self.modes["malformed"].values())


class Service:
    """A running service as its clients see it: its schema, its models, what is there to be asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.schema = self._get("/openapi.json")
        self.rows: list[dict[str, Any]] = self._get("/v1/models")
        self.pictures = [picture(*size) for size in ((8, 8), (9, 7), (31, 20), (1, 1))]

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.load(answer)

    def linked(self) -> dict[str, Any]:
        """The schema with links from the list of models to what each of them can do."""
        schema = json.loads(json.dumps(self.schema))
        schema["paths"]["/v1/models"]["get"]["responses"]["200"]["links"] = {
            f"{ability}{place}": {
                "operationId": schema["paths"][f"/v1/{ability}"]["post"]["operationId"],
                "requestBody": {"model": f"$response.body#/{place}/name"},
            }
            for place, row in enumerate(self.rows)
            for ability in row["abilities"]
        }
        return schema

    def fill(self, case: schemathesis.Case, chance: Random, valid: bool) -> None:
        """Put what there is in the place of generated text, three times in four; what is malformed stays."""
        ability, body = case.operation.path.rpartition("/")[2], case.body
        if not isinstance(body, dict) or chance.random() < 1 / 4:
            return
        row = chance.choice([row for row in self.rows if ability in row["abilities"]])
        if isinstance(body.get("model"), str | None):
            body["model"] = row["name"]
        texts = {
            **dict.fromkeys(("image", "a", "b"), self.pictures),
            "label": row["classes"] if row["conditional"] else None,
            "direction": ("a-to-b", "b-to-a"),
            "fit": ("tile", "whole", "resize"),
        }
        for name, values in texts.items():
            if isinstance(body.get(name), str | bytes):
                if values is None:
                    del body[name]
                else:
                    body[name] = chance.choice(values)
        if valid and "n" in body:
            body["n"] = chance.randint(1, IMAGES)
        if valid and "seeds" in body:
            body["seeds"] = [int(seed) for seed in body["seeds"][:IMAGES]]

    def allows(self, case: schemathesis.Case, sent: Any) -> bool:
        """Whether a request as it was sent is within the schema."""
        import jsonschema_rs

        asked = self.schema["paths"][case.operation.path][case.method.lower()].get("requestBody")
        if asked is None:  # there is nothing to get wrong
            return True
        ((kind, body),) = asked["content"].items()
        told, data = sent.headers.get("Content-Type", ""), sent.body or b""
        data = data.encode() if isinstance(data, str) else data
        if not told.startswith(kind):
            return False
        try:
            given = json.loads(data) if kind == "application/json" else fields(told, data)
        except ValueError:
            return False
        return jsonschema_rs.is_valid({**body["schema"], "components": self.schema["components"]}, given)

    def judge(self, told: Told, case: schemathesis.Case, valid: bool, answer: schemathesis.Response) -> None:
        """Count a call, and note what is wrong with its answer."""
        status, called = answer.status_code, f"{case.method} {case.operation.path}"
        mode = "valid" if valid else "allowed" if self.allows(case, answer.request) else "malformed"
        told.calls[f"{called} {status}"] += 1
        told.modes[mode][status] += 1
        if status >= 500 or (mode == "malformed" and status < 400):
            told.wrong.append(f"{called}, {mode}: {status} to {answer.request.body!r:.300}")
        if status >= 400:
            text = json.loads(answer.content)["detail"]
            if not isinstance(text, str) or "\n" in text:
                told.wrong.append(f"{called}, {mode}: {status} is not one line: {text!r:.300}")


def fields(kind: str, data: bytes) -> dict[str, str]:
    """The parts of a multipart form by name; uploads and texts alike."""
    message = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + data)
    parts = message.get_payload() if message.is_multipart() else []
    return {
        str(part.get_param("name", header="content-disposition")): (
            (part.get_payload(decode=True) or b"").decode(errors="replace")
        )
        for part in parts
    }


def picture(width: int, height: int) -> bytes:
    """A PNG."""
    levels = np.arange(width * height * 3).reshape(height, width, 3) * 37 % 256
    buffer = io.BytesIO()
    Image.fromarray(levels.astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


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


def ask(url: str, malformed: int, seconds: float) -> Told:
    """Requests until ``malformed`` of them are outside the schema, if ``seconds`` are enough."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    service, told = Service(url), Told()
    schema = schemathesis.openapi.from_dict(service.linked())
    operations = [each.ok() for each in schema.get_all_operations()]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    began = time.monotonic()

    def how(examples: int, **more: Any) -> settings:
        quiet = {"suppress_health_check": list(HealthCheck), "phases": [Phase.generate]}
        return settings(max_examples=examples, deadline=None, database=None, **quiet, **more)

    def call(case: schemathesis.Case, chance: Random) -> schemathesis.Response:
        valid = case.meta is None or case.meta.generation.mode.is_positive  # before it is filled
        service.fill(case, chance, valid)
        answer = case.call(base_url=url)
        service.judge(told, case, valid, answer)
        return answer

    class Visits(schema.as_state_machine()):  # type: ignore[misc]  # made at run time
        """A client that asks for the models, and then for what they make."""

        def call(self, case: schemathesis.Case, **_: Any) -> schemathesis.Response:
            return call(case, Random(sum(told.calls.values())))

        def validate_response(self, *_: Any, **__: Any) -> None:
            """It is judged already."""

    def tried(what: str, test: Any) -> None:
        try:
            test()
        except Exception as error:
            told.wrong.append(f"{what}: {error!r:.300}")

    def over() -> bool:
        return told.malformed >= malformed or time.monotonic() - began > seconds

    while not over():
        for operation in operations:
            sent = bool(operation.body.items)  # what has no body cannot be wrong, nor differ
            for mode in modes if sent else modes[:1]:
                if over():
                    return told

                @how(EXAMPLES if sent else 5)
                @given(case=operation.as_strategy(generation_mode=mode), number=st.integers(0, 2**32))
                def one(case: schemathesis.Case, number: int) -> None:
                    if not over():
                        call(case, Random(number))

                tried(operation.label, one)
        tried("visits", lambda: Visits.run(settings=how(EXAMPLES // 10, stateful_step_count=6)))
    return told


def main() -> None:
    """Serve, ask, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--malformed", type=int, default=10_000, help="requests outside the schema")
    parser.add_argument("--seconds", type=float, default=1200.0)
    parser.add_argument("--out", type=Path, default=ROOT / "results/malformed.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        command = [sys.executable, "-m", "visavis", "serve", *models(Path(name)), "--port", "0", "--json"]
        limits = ["--images", str(IMAGES), "--upload-bytes", "20000", "--pixels", "10000"]
        with subprocess.Popen([*command, *limits], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            told = ""
            while not told.rstrip().endswith("}"):
                told += server.stdout.readline()
            url = json.loads(told)["url"]
            ask(url, min(500, asked.malformed), 60)  # what first requests bring into memory is of no interest
            before, began = memory(server.pid), time.monotonic()
            found = ask(url, asked.malformed, asked.seconds)
            took, after = time.monotonic() - began, memory(server.pid)
            alive = server.poll() is None
            server.terminate()
            status = server.wait(60)
    by_status: Counter[str] = Counter()
    for key, count in found.calls.items():
        by_status[key.split()[-1]] += count
    record = {
        "calls": sum(found.calls.values()),
        "malformed": found.malformed,
        "malformed_wanted": asked.malformed,
        "seconds": round(took, 1),
        "by_status": dict(sorted(by_status.items())),
        "by_mode": {mode: dict(sorted(counts.items())) for mode, counts in sorted(found.modes.items())},
        "by_path": dict(sorted(found.calls.items())),
        "wrong": found.wrong,
        "alive": alive,
        "status_after_sigterm": status,
        "memory_mb": [round(before / 1e6, 1), round(after / 1e6, 1)],
        "schemathesis": version("schemathesis"),
        "cpu": cpu_model(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    asked.out.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
