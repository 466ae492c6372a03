"""The settings of one process, read from the environment it is given and checked as a whole before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from core import mail_settings
from core import settings_parsing as parsing
from core.channels.smtp import MailServer

Environment = Literal["demo", "test", "production"]
Rail = Literal["simulator", "stripe"]
Value = TypeVar("Value")

SECRET_VARIETY = 10  # different characters; a placeholder has few
LATENCY_S: dict[Environment, tuple[float, float]] = {"demo": (3, 10), "test": (0, 0), "production": (0, 0)}
DEMO_SENDER = ("Paydesk demo", "payouts@example.com")
FINANCE: dict[Environment, tuple[mail_settings.Named, ...]] = {
    "demo": (("", "finance@example.com"),),
    "test": (),
    "production": (),
}
SILENCE: dict[Environment, Decimal] = {"demo": Decimal("0.02"), "test": Decimal(0), "production": Decimal(0)}

KNOWN = (
    "PAYDESK_COOKIE_KEY",
    "PAYDESK_DATA_DIR",
    "PAYDESK_ENV",
    "PAYDESK_HEARTBEAT_URL",
    "PAYDESK_SENTRY_DSN",
    "PAYDESK_HTTP_PORT",
    "PAYDESK_NOTIFY_APPROVERS",
    "PAYDESK_NOTIFY_CHAT_URL",
    "PAYDESK_NOTIFY_FINANCE",
    "PAYDESK_NOTIFY_FROM",
    "PAYDESK_NOTIFY_LANGUAGE",
    "PAYDESK_NOTIFY_OPERATORS",
    "PAYDESK_NOTIFY_SMS_URL",
    "PAYDESK_NOTIFY_SMTP_URL",
    "PAYDESK_PAYER_BIC",
    "PAYDESK_PAYER_IBAN",
    "PAYDESK_PAYER_NAME",
    "PAYDESK_PORT",
    "PAYDESK_PROVIDER",
    "PAYDESK_PUBLIC_URL",
    "PAYDESK_SECRETS_KEY",
    "PAYDESK_SIMULATOR_BALANCE",
    "PAYDESK_SIMULATOR_LATENCY_S",
    "PAYDESK_SIMULATOR_SILENCE",
    "PAYDESK_SIMULATOR_SUCCESS",
    "STRIPE_ACCOUNT_ID",
    "STRIPE_API_BASE",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRETS",
)
KEPT_FOR_LATER = ("PAYDESK_REPLICA_URL",)


class SettingsFault(Exception):
    """The settings do not hold; `faults` has one sentence for each that is wrong."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(BaseModel):
    """What this process was told; immutable. Seconds in `_s`, shares between 0 and 1, balances in minor units."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    env: Environment
    database_url: str | None  # None: the embedded server in data_dir
    data_dir: Path
    provider: Rail
    simulator_latency_s: tuple[float, float]  # from, to
    simulator_success: Mapping[str, Decimal]  # by method; a method missing keeps the simulator's own
    simulator_silence: Decimal
    simulator_balance: Mapping[str, int]  # minor units by currency; a currency missing is unlimited
    stripe_secret_key: str | None  # of the process that sends, and of no other
    stripe_account_id: str | None  # whose key it must be
    stripe_api_base: str | None  # None: Stripe itself
    stripe_webhook_secrets: tuple[str, ...]  # of the endpoints Stripe posts to; none: only its list is read
    notify_smtp: MailServer | None  # None: the demo writes files, elsewhere messages wait
    notify_from: mail_settings.Named | None
    notify_finance: tuple[mail_settings.Named, ...]
    notify_approvers: tuple[mail_settings.Named, ...]  # none: finance
    notify_operators: tuple[mail_settings.Named, ...]  # none: finance
    notify_sms_url: str | None  # a gateway's, with {phone}; None: no SMS
    notify_chat_url: str | None  # the team's chat; None: none
    notify_language: str  # of the team, and of partners for whom nobody said one
    public_url: str | None  # where partners are led back to from a form of the provider's
    heartbeat_url: str | None  # asked for after every check that found no fault; None: nobody listens
    sentry_dsn: str | None  # where unexpected faults are told to; None: the log alone
    cookie_key: str | None  # None, in demo and test only: made into data_dir
    secrets_key: str | None  # the new one first, old ones after commas
    payer_name: str | None  # whose account payment files for banks are drawn on; None: they are CSV alone
    payer_iban: str | None
    payer_bic: str | None
    port: int
    http_port: int

    def __repr__(self) -> str:
        return f"Settings(env={self.env!r}, data_dir={str(self.data_dir)!r}, provider={self.provider!r})"

    __str__ = __repr__  # keys and passwords stay out of logs

    @classmethod
    def from_env(cls, environ: Mapping[str, str], *, sends: bool = True) -> Self:
        """Settings from variables and defaults, an empty one counting as unset. Refuses with SettingsFault, all at once.

        A process that never sends needs none of the provider's keys.
        """
        reading = _Reading(environ)
        env: Environment = reading.read("PAYDESK_ENV", _environment, "demo")
        as_built: dict[str, Decimal] = {}
        unlimited: dict[str, int] = {}
        no_secrets: tuple[str, ...] = ()
        nobody: tuple[mail_settings.Named, ...] = ()
        settings = cls(
            env=env,
            database_url=reading.read("DATABASE_URL", parsing.database_url, None),
            data_dir=reading.read("PAYDESK_DATA_DIR", Path, Path("data")),
            provider=reading.read("PAYDESK_PROVIDER", _provider, "simulator"),
            simulator_latency_s=reading.read(
                "PAYDESK_SIMULATOR_LATENCY_S", parsing.latency_s, LATENCY_S[env]
            ),
            simulator_success=reading.read("PAYDESK_SIMULATOR_SUCCESS", parsing.success, as_built),
            simulator_silence=reading.read("PAYDESK_SIMULATOR_SILENCE", parsing.share, SILENCE[env]),
            simulator_balance=reading.read("PAYDESK_SIMULATOR_BALANCE", parsing.balance, unlimited),
            stripe_secret_key=reading.read("STRIPE_SECRET_KEY", parsing.stripe_key, None),
            stripe_account_id=reading.read("STRIPE_ACCOUNT_ID", parsing.stripe_account, None),
            stripe_api_base=reading.read("STRIPE_API_BASE", parsing.api_base, None),
            stripe_webhook_secrets=reading.read(
                "STRIPE_WEBHOOK_SECRETS", parsing.webhook_secrets, no_secrets
            ),
            notify_smtp=reading.read("PAYDESK_NOTIFY_SMTP_URL", mail_settings.mail_server, None),
            notify_from=reading.read(
                "PAYDESK_NOTIFY_FROM", mail_settings.sender, DEMO_SENDER if env == "demo" else None
            ),
            notify_finance=reading.read("PAYDESK_NOTIFY_FINANCE", mail_settings.addresses, FINANCE[env]),
            notify_approvers=reading.read("PAYDESK_NOTIFY_APPROVERS", mail_settings.addresses, nobody),
            notify_operators=reading.read("PAYDESK_NOTIFY_OPERATORS", mail_settings.addresses, nobody),
            notify_sms_url=reading.read("PAYDESK_NOTIFY_SMS_URL", mail_settings.sms_gateway, None),
            notify_chat_url=reading.read("PAYDESK_NOTIFY_CHAT_URL", mail_settings.chat, None),
            notify_language=reading.read("PAYDESK_NOTIFY_LANGUAGE", mail_settings.language, "en"),
            public_url=reading.read("PAYDESK_PUBLIC_URL", mail_settings.public_url, None),
            heartbeat_url=reading.read("PAYDESK_HEARTBEAT_URL", parsing.heartbeat_url, None),
            sentry_dsn=reading.read("PAYDESK_SENTRY_DSN", parsing.sentry_dsn, None),
            cookie_key=reading.read("PAYDESK_COOKIE_KEY", parsing.secret, None),
            secrets_key=reading.read("PAYDESK_SECRETS_KEY", parsing.secrets, None),
            payer_name=reading.read("PAYDESK_PAYER_NAME", parsing.payer_name, None),
            payer_iban=reading.read("PAYDESK_PAYER_IBAN", parsing.iban_number, None),
            payer_bic=reading.read("PAYDESK_PAYER_BIC", parsing.bic_code, None),
            port=reading.read("PAYDESK_PORT", parsing.port, 8501),
            http_port=reading.read("PAYDESK_HTTP_PORT", parsing.port, 8502),
        )
        faults = [*_unknown(environ), *reading.faults, *_together(settings, reading.faulty)]
        faults += _stripe_together(settings, reading.faulty, sends=sends)
        faults += _mail_together(settings, environ, reading.faulty)
        if faults:
            raise SettingsFault(faults)
        return settings


class _Reading:
    """Reads one variable after the other and keeps the faults, so that all are named at once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.faults: list[str] = []
        self.faulty: set[str] = set()

    def read(self, name: str, parse: Callable[[str], Value], default: Value) -> Value:
        written = self.environ.get(name, "").strip()
        if not written:
            return default
        try:
            return parse(written)
        except ValueError as fault:
            self.faults.append(f"{name} {fault}")
            self.faulty.add(name)
            return default


def _unknown(environ: Mapping[str, str]) -> list[str]:
    faults = []
    for name in sorted(environ):
        if not name.startswith("PAYDESK_") or name in KNOWN or name.startswith(KEPT_FOR_LATER):
            continue
        near = get_close_matches(name, KNOWN, n=1)
        faults.append(f"{name} is no setting of Paydesk{f'; did you mean {near[0]}?' if near else '.'}")
    return faults


def _together(settings: Settings, faulty: set[str]) -> list[str]:
    """What is wrong with settings that are each readable."""
    faults = []
    if settings.port == settings.http_port:
        faults.append(f"PAYDESK_PORT and PAYDESK_HTTP_PORT are both {settings.port}; each needs its own.")
    if settings.cookie_key is not None and settings.cookie_key == settings.secrets_key:
        faults.append("PAYDESK_COOKIE_KEY and PAYDESK_SECRETS_KEY are the same; each needs its own.")
    payer = {"NAME": settings.payer_name, "IBAN": settings.payer_iban}
    if any((*payer.values(), settings.payer_bic)):
        missing = {f"PAYDESK_PAYER_{name}" for name, value in payer.items() if value is None} - faulty
        faults += [f"{name} is not set; a bank's file has both." for name in sorted(missing)]
    if settings.env == "production":
        if settings.provider == "simulator":
            faults.append("PAYDESK_PROVIDER is simulator, which moves no money: refused in production.")
        keys = {"PAYDESK_COOKIE_KEY": settings.cookie_key, "PAYDESK_SECRETS_KEY": settings.secrets_key}
        for name, key in keys.items():
            if name in faulty:
                continue
            if key is None:
                faults.append(f"{name} is not set; production makes no secret of its own.")
            elif len(set(key)) < SECRET_VARIETY:
                faults.append(f"{name} looks like a placeholder; production needs a random one.")
    return faults


def _stripe_together(settings: Settings, faulty: set[str], *, sends: bool) -> list[str]:
    """What is wrong with Stripe's settings that are each readable."""
    faults = []
    key = settings.stripe_secret_key
    if settings.provider == "stripe":
        needed = {"STRIPE_ACCOUNT_ID": settings.stripe_account_id} | (
            {"STRIPE_SECRET_KEY": key} if sends else {}
        )
        for name, value in needed.items():
            if value is None and name not in faulty:
                faults.append(f"{name} is not set; PAYDESK_PROVIDER is stripe, which needs it.")
    if key is not None and key.startswith(parsing.LIVE_KEYS) and settings.env != "production":
        faults.append(f"STRIPE_SECRET_KEY is a live key, which moves real money: refused in {settings.env}.")
    if settings.env == "production":
        if key is not None and key.startswith(parsing.TEST_KEYS):
            faults.append("STRIPE_SECRET_KEY is a test key, which moves no money: refused in production.")
        if settings.stripe_api_base is not None:
            faults.append("STRIPE_API_BASE is set; production talks to Stripe itself.")
    return faults


def _mail_together(settings: Settings, environ: Mapping[str, str], faulty: set[str]) -> list[str]:
    """What is wrong with the settings of mail that are each readable."""
    faults = []
    server = settings.notify_smtp
    if server is not None:
        for name, why in (("FROM", "mail is from somebody"), ("FINANCE", "somebody must hear of a stop")):
            full = f"PAYDESK_NOTIFY_{name}"
            if not environ.get(full, "").strip() and full not in faulty:
                faults.append(f"{full} is not set; with PAYDESK_NOTIFY_SMTP_URL it is needed: {why}.")
    if settings.env == "production":
        if server is not None and server.password is not None and server.security == "none":
            faults.append(
                "PAYDESK_NOTIFY_SMTP_URL sends its password in the clear: add ?starttls, or smtps://."
            )
        if settings.public_url is not None and not settings.public_url.startswith("https://"):
            faults.append("PAYDESK_PUBLIC_URL is not https://, which Stripe takes only in test mode.")
    return faults


def _environment(written: str) -> Environment:
    match written:
        case "demo" | "test" | "production":
            return written
    raise parsing.BadSetting(f"is {written!r}; it is demo, test or production.")


def _provider(written: str) -> Rail:
    match written:
        case "simulator" | "stripe":
            return written
    raise parsing.BadSetting(f"is {written!r}; it is simulator or stripe.")
