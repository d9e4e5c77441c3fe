"""All settings, read once from the environment (`CLIENTELE_...`, nested with `__`) in `main`, `worker` or `cli`."""

import os
import secrets
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.core.types import CurrencyCode

PREFIX = "CLIENTELE_"
NESTED = "__"
# What people are spoken to in, where sentences are made for them.
Language = Literal["en", "zh", "ko"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


def _refused(reason: str) -> PydanticCustomError:
    # Pydantic puts words of its own before the text of a ValueError.
    return PydanticCustomError("setting", "{reason}", {"reason": reason})


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise _refused("this is no time zone of the IANA list, such as Asia/Shanghai") from None
    return name


def _known_region(code: str) -> str:
    if code not in SUPPORTED_REGIONS:
        raise _refused("this is no ISO 3166 code of a region that has telephones, such as CN")
    return code


def _database_url(given: SecretStr) -> SecretStr:
    """`given` for our driver. Its errors never quote it: it holds a password."""
    scheme, _, rest = given.get_secret_value().partition("://")
    if scheme in {"postgres", "postgresql"}:
        given = SecretStr(f"postgresql+asyncpg://{rest}")
    try:
        driver = make_url(given.get_secret_value()).drivername
    except (ArgumentError, ValueError):
        driver = ""
    if driver != "postgresql+asyncpg":
        raise _refused("it must look like postgresql://user:password@host:5432/database")
    return given


class _Part(BaseModel):
    """A group of settings. A name that it does not know is a slip that would leave the default in force: refused."""

    model_config = ConfigDict(extra="forbid")


class PoolSettings(_Part):
    """Connections per process: `main` for SQLAlchemy, `hot` for the few hot reads."""

    main: int = Field(default=10, ge=1)
    hot: int = Field(default=6, ge=1)
    wait_seconds: float = Field(default=10, gt=0)


class LimitSettings(_Part):
    """Bounds on one request. Times in seconds, sizes in bytes.

    `bulk_running` is how many bulk requests are worked on at once: by default as many as there are pairs of cores, so
    that lookups find one free. Two at once on two cores pushed a tenth to a quarter more receipts, and p99 of the
    lookups beside them was twice as long.
    """

    body_bytes: int = Field(default=8 * 1024 * 1024, ge=1)
    upload_bytes: int = Field(default=4 * 1024 * 1024 * 1024, ge=1)
    body_seconds: float = Field(default=30, gt=0)
    request_seconds: float = Field(default=60, gt=0)
    statement_seconds: float = Field(default=30, gt=0)
    lock_seconds: float = Field(default=2, gt=0)
    idle_transaction_seconds: float = Field(default=30, gt=0)
    bulk_running: int = Field(default_factory=lambda: max(1, (os.cpu_count() or 1) // 2), ge=1)
    bulk_waiting: int = Field(default=64, ge=1)
    offload_bytes: int = Field(default=64 * 1024, ge=0)
    stop_seconds: float = Field(default=20, gt=0)


class RateSettings(_Part):
    """Requests per second and burst of one API key, by rate class."""

    standard_per_second: float = Field(default=100, gt=0)
    large_per_second: float = Field(default=500, gt=0)
    bulk_per_second: float = Field(default=50, gt=0)
    burst_seconds: float = Field(default=2, gt=0)


class FeedSettings(_Part):
    """The change feed: how long events are kept, how the sequencer polls (seconds)."""

    keep_days: int = Field(default=30, ge=30)
    poll_busy: float = Field(default=0.005, gt=0)
    poll_idle: float = Field(default=0.05, gt=0)
    batch: int = Field(default=5000, ge=1)


class JobSettings(_Part):
    """Background jobs. Times in seconds: a job whose worker died is taken over when its lease has run out."""

    slots: int = Field(default=2, ge=1)
    lease_seconds: float = Field(default=15, gt=0)
    poll_seconds: float = Field(default=0.5, gt=0)
    # A failed job waits this long before it is tried again, doubling up to five minutes.
    backoff_seconds: float = Field(default=1, gt=0)
    # Attempts in a row that end without a step forward; then the job has failed.
    attempts: int = Field(default=20, ge=1)
    # Jobs that are over, and with them uploads and what was wrong with their rows, are kept for so many days.
    keep_days: int = Field(default=90, ge=7)


class SegmentSettings(_Part):
    """Bounds on questions about customers."""

    # Seconds for one statement that answers a question.
    evaluation_seconds: float = Field(default=15, gt=0)
    # Questions about all customers that one process answers at once, and as many about one customer; others wait for
    # their turn, at most for so many seconds.
    running: int = Field(default=2, ge=1)
    wait_seconds: float = Field(default=5, gt=0)
    # What the planner may think that a question costs before it is refused; reading one page in sequence is 1.
    cost_max: float = Field(default=1e8, gt=0)
    # How many customers a list takes.
    list_max: int = Field(default=500_000, ge=1)
    # How often the worker looks whether kept segments have changed, and seconds for one statement that does.
    poll_seconds: float = Field(default=1, gt=0)
    refresh_seconds: float = Field(default=300, gt=0)
    # Files of members are kept for so many days; a client has at most so many at once.
    export_days: int = Field(default=7, ge=1)
    exports: int = Field(default=20, ge=1)


class CompanySettings(_Part):
    """What this deployment assumes when a store or a caller does not say."""

    currency: CurrencyCode = "CNY"
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    phone_region: Annotated[str, AfterValidator(_known_region)] = "CN"
    # Of sentences for people, where a caller asks for none.
    language: Language = "en"
    # What happens before this many minutes past midnight still belongs to the day before.
    closing_minutes: int = Field(default=0, ge=0, le=720)
    # How far the tenders of a receipt may differ from its net, in minor units.
    rounding: int = Field(default=0, ge=0)

    def today(self, moment: datetime) -> date:
        """The company's business day at `moment`: as receipts are dated, by the clock on the wall."""
        here = moment.astimezone(ZoneInfo(self.time_zone))
        return (here - timedelta(minutes=self.closing_minutes) if self.closing_minutes else here).date()


class ContactSettings(_Part):
    """How customers are contacted who have not said otherwise. Unset means at any hour, as often as we like."""

    # Times of the day in the customer's zone such as 09:00, every day; 24:00 is the day's end.
    opens: str | None = Field(default=None, pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    closes: str | None = Field(default=None, pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")
    # At most so many real contacts within so many days.
    most: int | None = Field(default=None, ge=1, le=100)
    within_days: int | None = Field(default=None, ge=1, le=3650)

    @model_validator(mode="after")
    def _in_pairs(self) -> "ContactSettings":
        if (self.opens is None) != (self.closes is None) or (self.most is None) != (self.within_days is None):
            raise _refused("opens goes with closes, and most with within_days")
        if self.opens is not None and self.closes is not None and self.opens >= self.closes:
            raise _refused("opens must be before closes")
        return self


class ModelSettings(_Part):
    """When a model of the company's own customers is fitted; with fewer buyers or days, other people's stands in."""

    buyers: int = Field(default=500, ge=1)
    days: int = Field(default=180, ge=1)
    # A fit over more customers than this takes longer and finds the same.
    sample: int = Field(default=20_000, ge=100)
    refit_days: int = Field(default=7, ge=1)


Worth = Annotated[int, Field(ge=0, le=1000)]


class CompletenessSettings(_Part):
    """What each attribute is worth to us: `weights` by path instead of the built-in ones, 0 for not at all.

    One for all, or one for each kind of customer: `{"email": 12, "phone": {"person": 11, "business": 14}}`.
    """

    weights: dict[str, Worth | dict[Literal["person", "business"], Worth]] = {}
    # So many customers with one birthday look made up, and never fewer than ten times what chance brings.
    shared_birthday: int = Field(default=100, ge=2)


class EngagementSettings(_Part):
    """By when things are to be done for customers. Times in hours, `poll_seconds` apart."""

    # A complaint is due so long after it was made, by its severity.
    minor_hours: int = Field(default=168, ge=1)
    moderate_hours: int = Field(default=72, ge=1)
    serious_hours: int = Field(default=24, ge=1)
    critical_hours: int = Field(default=4, ge=1)
    # So long before something is due, there is a task.
    notice_hours: int = Field(default=24, ge=0)
    # What should have been done more days before it was written down is history, and makes no task.
    history_days: int = Field(default=7, ge=0)
    # How often the worker looks for what has become due, and at what the feed says.
    poll_seconds: float = Field(default=2, gt=0)


class DuplicateSettings(_Part):
    """Looking for customers who may be one."""

    # How often the worker looks at who has changed.
    poll_seconds: float = Field(default=2, gt=0)


class WarningSettings(_Part):
    """Following warnings: what has happened, and what the clock brings."""

    # How often the worker looks at what the feed says.
    poll_seconds: float = Field(default=0.5, gt=0)
    # How often it looks for what is snoozed, due or promised.
    clock_seconds: float = Field(default=2, gt=0)


class CreditSettings(_Part):
    """Selling on account. Amounts in minor units of the company's currency."""

    # A limit above this takes a second client's word; none means that nobody has to ask.
    second_key_above: int | None = Field(default=None, ge=0)
    # A proposal that nobody confirms for so long is none any more.
    second_key_hours: int = Field(default=168, ge=1, le=8760)
    # What a till might sell while it was cut off stays reserved for so long after it had to end: receipts come late.
    allowance_grace_hours: int = Field(default=72, ge=0, le=8760)


class RetentionSettings(_Part):
    """What is kept of a customer who is erased, in days from then on (0: nothing), and what must be settled before."""

    # Decisions about being contacted, without their proof.
    consents_days: int = Field(default=1095, ge=0, le=36500)
    # What was noted with an entry of the account.
    receivable_notes_days: int = Field(default=0, ge=0, le=36500)
    # What was said in a complaint that was compensated.
    compensated_complaints_days: int = Field(default=0, ge=0, le=36500)
    # An erasure is refused while one of these is so.
    settle: frozenset[Literal["open_balance", "open_complaint", "open_promise"]] = frozenset({"open_balance"})


class Settings(BaseSettings):
    """The whole configuration of one process."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=NESTED, extra="forbid")

    database_url: Annotated[SecretStr, AfterValidator(_database_url)] | None = None
    data_dir: Path = Path(".clientele")
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    secret_key: SecretStr | None = None
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(str.upper)] = "INFO"
    pool: PoolSettings = PoolSettings()
    limits: LimitSettings = LimitSettings()
    rates: RateSettings = RateSettings()
    feed: FeedSettings = FeedSettings()
    jobs: JobSettings = JobSettings()
    segments: SegmentSettings = SegmentSettings()
    company: CompanySettings = CompanySettings()
    contact: ContactSettings = ContactSettings()
    models: ModelSettings = ModelSettings()
    completeness: CompletenessSettings = CompletenessSettings()
    engagement: EngagementSettings = EngagementSettings()
    duplicates: DuplicateSettings = DuplicateSettings()
    retention: RetentionSettings = RetentionSettings()
    warnings: WarningSettings = WarningSettings()
    credit: CreditSettings = CreditSettings()

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


def unknown_names(environment: Iterable[str]) -> list[str]:
    """The names in `environment` that look like ours and are no setting: slips that nobody would notice."""
    mine = [name for name in environment if name.upper().startswith(PREFIX)]
    return sorted(
        name for name in mine if name.upper().removeprefix(PREFIX).split(NESTED)[0].lower() not in Settings.model_fields
    )


def _kept_secret(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))
    return path.read_text(encoding="ascii").strip()
