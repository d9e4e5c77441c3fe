"""Dockerfile and compose.yaml: what linters find, and what they do not know of this product."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.core.embedded import tuning
from app.core.settings import LimitSettings
from tests.container.files import ROOT, compose, context, healthcheck, stages

SECRETS = {"CLIENTELE_SECRET_KEY": "the key", "CLIENTELE_DATABASE_PASSWORD": "p@ss/word: 100%"}
OURS = ("migrate", "api", "worker")


@pytest.mark.parametrize(
    "command",
    [("hadolint", "Dockerfile"), ("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")],
    ids=lambda command: command[-1],
)
def test_a_linter_finds_nothing(command):
    program, *arguments = command
    done = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_bases_are_pinned_and_new_enough():
    for stage in stages():
        found = re.fullmatch(r"python:3\.(\d+)-slim-[a-z]+", stage.base)
        assert found and int(found[1]) >= 11, stage.base
    assert compose(SECRETS)["services"]["database"]["image"] == "postgres:18"


def test_the_image_is_nobodys_and_signals_reach_the_process():
    final = stages()[-1]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", final.last("USER").text), "a number, not root"
    assert final.last("ENTRYPOINT").is_exec
    assert final.last("ENTRYPOINT").words == ["clientele"]
    assert final.last("CMD").is_exec
    assert final.last("STOPSIGNAL").text == "SIGTERM"
    assert healthcheck(final)[0] == "python"
    assert not [step for step in final.steps if step.name == "RUN"], "the last stage only takes what was built"


def test_no_secret_gets_into_a_layer():
    for stage in stages():
        for step in stage.steps:
            if step.name in {"ARG", "ENV", "LABEL"}:
                assert not re.search(r"SECRET|PASSWORD|TOKEN|CREDENTIAL|_KEY|DATABASE_URL", step.text, re.IGNORECASE)
            if step.name in {"COPY", "ADD"}:
                assert step.name == "COPY" and not {".", "./"} & set(step.words[:-1]), "name what is copied"


def test_the_context_holds_what_is_copied_and_no_more():
    copied = {
        word for stage in stages() for step in stage.steps if step.name == "COPY" and "from" not in step.flags
        for word in step.words[:-1]
    }  # fmt: skip
    assert copied == {path.parts[0] for path in context()}
    assert not [path for path in context() if path.suffix in {".pyc", ".env", ".pem", ".key"}]


def test_secrets_come_from_the_environment_and_have_no_default():
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{?(\w+)", text)) == set(SECRETS)
    assert not re.search(r"\$\{\w+(?!\w|:\?)", text), "each is ${NAME:?...}: without it compose starts nothing"
    services = compose(SECRETS)["services"]
    for name in OURS:
        assert services[name]["environment"] == {
            "CLIENTELE_DATABASE_URL": "postgresql://clientele@database/clientele",
            "CLIENTELE_SECRET_KEY": SECRETS["CLIENTELE_SECRET_KEY"],
            "PGPASSWORD": SECRETS["CLIENTELE_DATABASE_PASSWORD"],
        }


def test_services_are_bounded_and_start_in_order():
    services = compose(SECRETS)["services"]
    for name in OURS:
        service = services[name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["init"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert int(service["stop_grace_period"].removesuffix("s")) > LimitSettings().stop_seconds
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["migrate"]["restart"] == "no"
    for name in ("api", "worker"):
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["api"]["ports"] == ["127.0.0.1:8080:8080"]
    assert "healthcheck" not in services["api"], "the image's own"
    assert "ports" not in services["database"]


def test_the_database_keeps_its_volume_and_is_set_as_the_embedded_one():
    database = compose(SECRETS)["services"]["database"]
    assert database["volumes"] == ["database:/var/lib/postgresql"]
    given = dict(option.removeprefix("-c").split("=", 1) for option in database["command"][1:])
    known = tuning._PRIVACY | tuning._SPEED
    assert given == {name: known[name] for name in given}
    privacy = {"log_min_messages", "log_min_error_statement", "log_error_verbosity", "log_parameter_max_length"}
    assert privacy < set(given)
