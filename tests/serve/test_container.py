"""The recipe of the container, and the compose file: what they name exists and is understood."""
# ruff: noqa: E402  # what may be absent is looked for first

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_models import generator_and_critic

for package in ("fastapi", "uvicorn", "multipart", "prometheus_client", "httpx"):
    pytest.importorskip(package, reason="the extra 'serve' is not installed")

from fastapi.testclient import TestClient

from visavis.cli.arguments import make_parser
from visavis.export.extras import need
from visavis.serve.app import create_app
from visavis.serve.limits import Limits
from visavis.serve.start import need_key

ROOT = Path(__file__).parents[2]


def instructions() -> list[tuple[str, str]]:
    """The Containerfile's instructions with what stands behind each."""
    text = re.sub(r"\\\n", " ", (ROOT / "Containerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def only(name: str) -> str:
    """What stands behind an instruction that is given once."""
    (found,) = (told for given, told in instructions() if given == name)
    return found


def service() -> dict[str, Any]:
    """The service of the compose file."""
    (found,) = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()
    assert isinstance(found, dict)
    return found


def command() -> list[str]:
    """What the composed container runs."""
    return [*json.loads(only("ENTRYPOINT")), *service()["command"]]


def test_what_is_copied_exists_and_is_what_the_package_is_built_of() -> None:
    copied = {each for name, told in instructions() if name == "COPY" for each in told.split()[:-1]}
    assert copied and all((ROOT / each).exists() for each in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    built_of = {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml"}
    (packages,) = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {*built_of, packages.partition("/")[0]} <= copied


def test_what_is_installed_is_what_the_project_offers() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (install,) = (told for name, told in instructions() if name == "RUN" and "pip" in told)
    *words, what = shlex.split(install)
    extras = re.fullmatch(r"\.\[([\w,]+)\]", what)
    assert words[:2] == ["pip", "install"] and extras
    assert set(extras[1].split(",")) <= project["optional-dependencies"].keys()
    assert "serve" in extras[1] and "export" in extras[1]  # the service, and its page
    constraint = words[words.index("--constraint") + 1]
    assert any(name == "COPY" and constraint in told.split()[:-1] for name, told in instructions())
    python = tuple(int(each) for each in re.findall(r"python:(\d+)\.(\d+)", only("FROM"))[0])
    least = tuple(int(each) for each in re.findall(r"\d+", project["requires-python"]))
    assert python >= least
    assert command()[0] in project["scripts"]


def test_the_command_is_one_that_the_program_takes_and_asks_for_a_key() -> None:
    (_, *words) = command()
    given = make_parser()[0].parse_args(words)
    assert (given.command, given.host, given.port) == ("serve", "0.0.0.0", int(only("EXPOSE")))
    need("serve", "fastapi")
    with pytest.raises(Exception, match="a key is needed"):
        need_key(given.host, given.api_key)
    (asked,) = service()["environment"].items()
    assert asked[0] == "VISAVIS_API_KEY"
    assert re.fullmatch(r"\$\{VISAVIS_API_KEY:\?.+\}", asked[1])  # without one nothing is started


def test_the_ports_agree_and_only_this_machine_reaches_them() -> None:
    (port,) = service()["ports"]
    assert re.fullmatch(rf"127\.0\.0\.1:\d+:{only('EXPOSE')}", port)


def test_nobody_is_root_and_nothing_that_the_user_has_not_is_written() -> None:
    user = only("USER")
    assert user not in ("root", "0")
    assert "user" not in service() or service()["user"] not in ("root", 0)
    names = [name for name, _ in instructions()]
    assert any(name == "RUN" and f"useradd --create-home {user}" == told for name, told in instructions())
    behind = names[names.index("USER") + 1 :]
    assert "ENTRYPOINT" in behind and "RUN" not in behind and "COPY" not in behind
    assert service()["read_only"]
    assert {"/tmp", f"/home/{user}"} <= set(service()["tmpfs"])  # the cache, and the page's networks
    (volume,) = service()["volumes"]
    source, inside, mode = volume.split(":")
    assert (source, mode) == ("./runs", "ro")
    assert all(run.startswith(f"{inside}/") for run in service()["command"])


def test_its_health_is_asked_where_no_key_is_needed() -> None:
    check = json.loads(only("HEALTHCHECK").partition("CMD ")[2])
    assert check[:2] == ["python", "-c"]
    compile(check[2], "the health check", "exec")
    (url,) = re.findall(r"'(http://127\.0\.0\.1:(\d+)(/\w+))'", check[2])
    assert url[1] == only("EXPOSE")
    asked = TestClient(create_app({"small": generator_and_critic()}, key="secret", local=False))
    assert asked.get(url[2]).status_code == 200


def test_what_is_accepted_is_finished_before_the_container_is_killed() -> None:
    limits = Limits()
    grace = float(service()["stop_grace_period"].removesuffix("s"))
    assert only("STOPSIGNAL") == "SIGTERM"
    assert grace > limits.seconds + limits.drain_seconds
