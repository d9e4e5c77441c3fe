"""Settings: a slip in the environment is told, and never leaves a default in force unnoticed."""

import socket

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from app.core.server import address_problem
from app.core.settings import Settings, unknown_names


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COMPANY__CURENCY", "USD"),  # a slip in the name
        ("COMPANY__CURRENCY", "XXQ"),
        ("COMPANY__PHONE_REGION", "ZZ"),
        ("COMPANY__TIME_ZONE", "Mars"),
        ("CONTACT", '{"opens": "09:00"}'),
        ("POOL__MAIN", "0"),
        ("LIMITS__STATEMENT_SECONDS", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://u:hunter2@h/x"),
        ("DATABASE_URL", "postgresql://u:hunter2@h:port/x"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(monkeypatch, name, value):
    monkeypatch.setenv(f"CLIENTELE_{name}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    (error,) = refused.value.errors(include_url=False, include_input=False)
    assert "__".join(map(str, error["loc"])).upper() == name
    assert "hunter2" not in error["msg"]
    assert "Value error" not in error["msg"]


def test_a_setting_that_is_no_json_is_refused(monkeypatch):
    monkeypatch.setenv("CLIENTELE_FEED", "{bad")
    with pytest.raises(SettingsError, match="feed"):
        Settings()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_every_usual_form_of_the_database_address_is_taken(monkeypatch, scheme):
    monkeypatch.setenv("CLIENTELE_DATABASE_URL", f"{scheme}://u:p%40w@h:5433/x?ssl=require")
    found = Settings().database_url
    assert found is not None
    assert found.get_secret_value() == "postgresql+asyncpg://u:p%40w@h:5433/x?ssl=require"


def test_names_that_are_no_settings_are_found():
    names = ["CLIENTELE_PRT", "CLIENTELE_PORT", "clientele_feed__keep_days", "PATH", "CLIENTELE_FED__KEEP_DAYS"]
    assert unknown_names(names) == ["CLIENTELE_FED__KEEP_DAYS", "CLIENTELE_PRT"]


def test_a_taken_port_and_a_wrong_host_are_told_in_words():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port} of 127.0.0.1 is in use" in str(address_problem("127.0.0.1", port))
    assert address_problem("127.0.0.1", port) is None
    assert "300.1.1.1" in str(address_problem("300.1.1.1", 8080))
