"""All settings, read once from the environment (`CLIENTELE_...`, nested with `__`) in `main`, `worker` or `cli`."""

import os
import secrets
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("this is no time zone of the IANA list") from None
    return name


class PoolSettings(BaseModel):
    """Connections per process: `main` for SQLAlchemy, `hot` for the few hot reads."""

    main: int = 10
    hot: int = 6
    wait_seconds: float = 10


class LimitSettings(BaseModel):
    """Bounds on one request. Times in seconds, sizes in bytes."""

    body_bytes: int = 8 * 1024 * 1024
    upload_bytes: int = 4 * 1024 * 1024 * 1024
    body_seconds: float = 30
    request_seconds: float = 60
    statement_seconds: float = 30
    lock_seconds: float = 2
    idle_transaction_seconds: float = 30
    bulk_running: int = 2
    bulk_waiting: int = 64
    offload_bytes: int = 64 * 1024
    stop_seconds: float = 20


class RateSettings(BaseModel):
    """Requests per second and burst of one API key, by rate class."""

    standard_per_second: float = Field(default=100, gt=0)
    large_per_second: float = Field(default=500, gt=0)
    bulk_per_second: float = Field(default=50, gt=0)
    burst_seconds: float = Field(default=2, gt=0)


class FeedSettings(BaseModel):
    """The change feed: how long events are kept, how the sequencer polls (seconds)."""

    keep_days: int = Field(default=30, ge=30)
    poll_busy: float = 0.005
    poll_idle: float = 0.05
    batch: int = 5000


class JobSettings(BaseModel):
    """Background jobs. Times in seconds: a job whose worker died is taken over when its lease has run out."""

    slots: int = Field(default=2, ge=1)
    lease_seconds: float = Field(default=15, gt=0)
    poll_seconds: float = Field(default=0.5, gt=0)
    # A failed job waits this long before it is tried again, doubling up to five minutes.
    backoff_seconds: float = Field(default=1, gt=0)
    # Attempts in a row that end without a step forward; then the job has failed.
    attempts: int = Field(default=20, ge=1)


class SegmentSettings(BaseModel):
    """Bounds on questions about customers."""

    # Seconds for one statement that answers a question.
    evaluation_seconds: float = Field(default=15, gt=0)
    # Questions that one process answers at once; others wait for their turn.
    running: int = Field(default=2, ge=1)
    # What the planner may think that a question costs before it is refused; reading one page in sequence is 1.
    cost_max: float = Field(default=1e8, gt=0)


class CompanySettings(BaseModel):
    """What this deployment assumes when a store or a caller does not say."""

    currency: str = "CNY"
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    phone_region: str = "CN"
    # A receipt before this many minutes past midnight still belongs to the day before.
    closing_minutes: int = Field(default=0, ge=0, le=720)
    # How far the tenders of a receipt may differ from its net, in minor units.
    rounding: int = Field(default=0, ge=0)

    def today(self, moment: datetime) -> date:
        """The company's calendar day at `moment`."""
        return moment.astimezone(ZoneInfo(self.time_zone)).date()


class ModelSettings(BaseModel):
    """When a model of the company's own customers is fitted; with fewer buyers or days, other people's stands in."""

    buyers: int = Field(default=500, ge=1)
    days: int = Field(default=180, ge=1)
    # A fit over more customers than this takes longer and finds the same.
    sample: int = Field(default=20_000, ge=100)
    refit_days: int = Field(default=7, ge=1)


class EngagementSettings(BaseModel):
    """By when things are to be done for customers. Times in hours, `poll_seconds` apart."""

    # A complaint is due so long after it was made, by its severity.
    minor_hours: int = Field(default=168, ge=1)
    moderate_hours: int = Field(default=72, ge=1)
    serious_hours: int = Field(default=24, ge=1)
    critical_hours: int = Field(default=4, ge=1)
    # So long before something is due, there is a task.
    notice_hours: int = Field(default=24, ge=0)
    # How often the worker looks for what has become due, and at what the feed says.
    poll_seconds: float = Field(default=2, gt=0)


class Settings(BaseSettings):
    """The whole configuration of one process."""

    model_config = SettingsConfigDict(env_prefix="CLIENTELE_", env_nested_delimiter="__", extra="forbid")

    database_url: SecretStr | None = None
    data_dir: Path = Path(".clientele")
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    secret_key: SecretStr | None = None
    log_level: str = "INFO"
    pool: PoolSettings = PoolSettings()
    limits: LimitSettings = LimitSettings()
    rates: RateSettings = RateSettings()
    feed: FeedSettings = FeedSettings()
    jobs: JobSettings = JobSettings()
    segments: SegmentSettings = SegmentSettings()
    company: CompanySettings = CompanySettings()
    models: ModelSettings = ModelSettings()
    engagement: EngagementSettings = EngagementSettings()

    @cached_property
    def secret(self) -> str:
        """The key that signs cursors and keys the hash of API keys; made and kept in the data directory if not set.

        Raises ValueError with an outside database and no `CLIENTELE_SECRET_KEY`: two machines must share it.
        """
        if self.secret_key is not None:
            return self.secret_key.get_secret_value()
        if self.database_url is not None:
            message = "Set CLIENTELE_SECRET_KEY: with CLIENTELE_DATABASE_URL every process needs the same secret."
            raise ValueError(message)
        return _kept_secret(self.data_dir / "secret")


def _kept_secret(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))
    return path.read_text(encoding="ascii").strip()
