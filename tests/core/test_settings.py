"""Settings: complete and right before anything starts, and every fault named at once."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from core.settings import KNOWN, Settings, SettingsFault

RANDOM = "kR4v9-Zq2xT7_mB1nW8yL5cJ3hG6fD0s"
OTHER = "sD0f6G-h3Jc5L_y8Wn1Bm7Tx2Qz9v4Rk"


STRIPE = {
    "PAYDESK_PROVIDER": "stripe",
    "STRIPE_SECRET_KEY": "sk_test_of_the_platform",
    "STRIPE_ACCOUNT_ID": "acct_1Platform",
}
LIVE = {
    "PAYDESK_ENV": "production",
    "PAYDESK_COOKIE_KEY": RANDOM,
    "PAYDESK_SECRETS_KEY": OTHER,
    **STRIPE,
    "STRIPE_SECRET_KEY": "sk_live_of_the_platform",
}


def faults(**environ: str) -> list[str]:
    return faults_of(environ)


def faults_of(environ: Mapping[str, str], *, sends: bool = True) -> list[str]:
    with pytest.raises(SettingsFault) as caught:
        Settings.from_env(environ, sends=sends)
    return caught.value.faults


def test_nothing_set_is_a_demo_on_a_server_of_its_own_with_secrets_of_its_own():
    settings = Settings.from_env({})
    assert (settings.env, settings.database_url, settings.data_dir) == ("demo", None, Path("data"))
    assert (settings.simulator_latency_s, settings.simulator_silence) == ((3, 10), Decimal("0.02"))
    assert (settings.cookie_key, settings.secrets_key) == (None, None)
    assert (settings.port, settings.http_port) == (8501, 8502)


def test_in_tests_the_simulator_answers_at_once_and_always():
    settings = Settings.from_env({"PAYDESK_ENV": "test"})
    assert (settings.simulator_latency_s, settings.simulator_silence) == ((0, 0), Decimal(0))


def test_what_is_set_is_what_holds():
    settings = Settings.from_env(
        {
            "DATABASE_URL": "postgresql://ada:secret@db.example.com/desk",
            "PAYDESK_ENV": "test",
            "PAYDESK_DATA_DIR": "/var/lib/paydesk",
            "PAYDESK_PROVIDER": "simulator",
            "PAYDESK_SIMULATOR_LATENCY_S": "0.2-1.5",
            "PAYDESK_SIMULATOR_SUCCESS": "stripe=0.5, paypal=1",
            "PAYDESK_SIMULATOR_SILENCE": "0.25",
            "PAYDESK_SIMULATOR_BALANCE": "USD=100000.00,JPY=5000",
            "STRIPE_SECRET_KEY": "rk_test_of_the_platform",
            "STRIPE_ACCOUNT_ID": "acct_1Platform",
            "STRIPE_API_BASE": "http://127.0.0.1:12111/",
            "STRIPE_WEBHOOK_SECRETS": "whsec_platform, whsec_connect_01",
            "PAYDESK_NOTIFY_SMTP_URL": "smtp://desk:se%40cret@mail.example.com?starttls",
            "PAYDESK_NOTIFY_FROM": "Payouts <payouts@example.com>",
            "PAYDESK_NOTIFY_FINANCE": "ann@example.com, Bo <bo@example.com>",
            "PAYDESK_NOTIFY_APPROVERS": "cy@example.com",
            "PAYDESK_NOTIFY_OPERATORS": "",
            "PAYDESK_NOTIFY_SMS_URL": "json://sms.example.com/{phone}",
            "PAYDESK_NOTIFY_CHAT_URL": "json://chat.example.com/payouts",
            "PAYDESK_NOTIFY_LANGUAGE": "fr",
            "PAYDESK_PUBLIC_URL": "https://example.com/partners",
            "PAYDESK_HEARTBEAT_URL": "https://uptime.example.com/beat/1",
            "PAYDESK_SENTRY_DSN": "https://key@sentry.example.com/1",
            "PAYDESK_COOKIE_KEY": RANDOM,
            "PAYDESK_SECRETS_KEY": f"{OTHER}, {RANDOM}x",
            "PAYDESK_PAYER_NAME": "Paydesk GmbH",
            "PAYDESK_PAYER_IBAN": "DE02 1203 0000 0000 2020 51",
            "PAYDESK_PAYER_BIC": "BYLADEM1001",
            "PAYDESK_PORT": "9001",
            "PAYDESK_HTTP_PORT": "9002",
        }
    )
    assert settings.model_dump() == {
        "database_url": "postgresql://ada:secret@db.example.com/desk",
        "env": "test",
        "data_dir": Path("/var/lib/paydesk"),
        "provider": "simulator",
        "simulator_latency_s": (0.2, 1.5),
        "simulator_success": {"stripe": Decimal("0.5"), "paypal": Decimal(1)},
        "simulator_silence": Decimal("0.25"),
        "simulator_balance": {"USD": 10_000_000, "JPY": 5000},
        "stripe_secret_key": "rk_test_of_the_platform",
        "stripe_account_id": "acct_1Platform",
        "stripe_api_base": "http://127.0.0.1:12111",
        "stripe_webhook_secrets": ("whsec_platform", "whsec_connect_01"),
        "notify_smtp": {
            "host": "mail.example.com",
            "port": 587,
            "security": "starttls",
            "user": "desk",
            "password": "se@cret",
        },
        "notify_from": ("Payouts", "payouts@example.com"),
        "notify_approvers": (("", "cy@example.com"),),
        "notify_operators": (),
        "notify_sms_url": "json://sms.example.com/{phone}",
        "notify_chat_url": "json://chat.example.com/payouts",
        "notify_language": "fr",
        "notify_finance": (("", "ann@example.com"), ("Bo", "bo@example.com")),
        "heartbeat_url": "https://uptime.example.com/beat/1",
        "sentry_dsn": "https://key@sentry.example.com/1",
        "public_url": "https://example.com/partners",
        "cookie_key": RANDOM,
        "secrets_key": f"{OTHER},{RANDOM}x",
        "payer_name": "Paydesk GmbH",
        "payer_iban": "DE02120300000000202051",
        "payer_bic": "BYLADEM1001",
        "port": 9001,
        "http_port": 9002,
    }


def test_an_empty_setting_is_one_not_set():
    assert Settings.from_env(dict.fromkeys(KNOWN, " ")) == Settings.from_env({})


@pytest.mark.parametrize(
    ("name", "written", "sentence"),
    [
        ("PAYDESK_ENV", "staging", "it is demo, test or production"),
        ("DATABASE_URL", "sqlite:///desk.db", "begins with postgresql://"),
        ("DATABASE_URL", "postgresql://localhost", "names no database"),
        ("PAYDESK_PROVIDER", "wire", "simulator or stripe"),
        ("STRIPE_SECRET_KEY", "pk_test_of_the_platform", "no secret key of Stripe's"),
        ("STRIPE_ACCOUNT_ID", "1Platform", "begins with acct_"),
        ("STRIPE_API_BASE", "127.0.0.1:12111", "no address of a server"),
        ("STRIPE_API_BASE", "http://127.0.0.1:12111/v1", "no address of a server"),
        ("PAYDESK_NOTIFY_SMTP_URL", "mail.example.com:25", "no address of a mail server"),
        ("PAYDESK_NOTIFY_SMTP_URL", "smtp://mail.example.com:none", "no address of a mail server"),
        ("PAYDESK_NOTIFY_SMTP_URL", "smtp://mail.example.com?tls", "asks for what is not known"),
        ("PAYDESK_NOTIFY_SMTP_URL", "smtp://desk@mail.example.com", "both a user and a password"),
        ("PAYDESK_NOTIFY_FROM", "payouts", "is written as"),
        ("PAYDESK_NOTIFY_FROM", "a@example.com, b@example.com", "more than one address"),
        ("PAYDESK_NOTIFY_FINANCE", "ann@example.com, bo", "is written as"),
        ("PAYDESK_NOTIFY_SMS_URL", "json://sms.example.com/", "nowhere where the number goes"),
        ("PAYDESK_NOTIFY_CHAT_URL", "nothing://secret", "no address that messages can be sent by"),
        ("PAYDESK_NOTIFY_LANGUAGE", "pt", "it is en or fr"),
        ("PAYDESK_NOTIFY_FINANCE", "ann@example.com, ann@example.com", "twice"),
        ("PAYDESK_PUBLIC_URL", "example.com", "no address of a page"),
        ("STRIPE_WEBHOOK_SECRETS", "sk_test_of_the_platform", "begins with whsec_"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_platform,", "begins with whsec_"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_platform, whsec_platform", "names a secret twice"),
        ("PAYDESK_SIMULATOR_LATENCY_S", "soon", "it is seconds"),
        ("PAYDESK_SIMULATOR_LATENCY_S", "5-3", "from low to high"),
        ("PAYDESK_SIMULATOR_LATENCY_S", "-1", "it is seconds"),
        ("PAYDESK_SIMULATOR_LATENCY_S", "nan", "from low to high"),
        ("PAYDESK_SIMULATOR_LATENCY_S", "601", "within 0 and 600"),
        ("PAYDESK_SIMULATOR_SUCCESS", "stripe", "written as stripe=0.95"),
        ("PAYDESK_SIMULATOR_SUCCESS", "stripe=1.5", "between 0 and 1"),
        ("PAYDESK_SIMULATOR_SUCCESS", "pigeon=0.5", "the methods are stripe"),
        ("PAYDESK_SIMULATOR_SUCCESS", "stripe=0.5,stripe=0.6", "names stripe twice"),
        ("PAYDESK_SIMULATOR_SILENCE", "nan", "between 0 and 1"),
        ("PAYDESK_SIMULATOR_SILENCE", "some", "between 0 and 1"),
        ("PAYDESK_SIMULATOR_BALANCE", "USD=10.005", "decimals"),
        ("PAYDESK_SIMULATOR_BALANCE", "XXX=10", "not a currency"),
        ("PAYDESK_SIMULATOR_BALANCE", "USD=-1", "not negative"),
        ("PAYDESK_COOKIE_KEY", "short", "has 5 characters; it needs 32"),
        ("PAYDESK_SECRETS_KEY", "short", "has 5 characters; it needs 32"),
        ("PAYDESK_SECRETS_KEY", f"{RANDOM},old", "has 3 characters; it needs 32"),
        ("PAYDESK_PAYER_IBAN", "DE02120300000000202052", "is no IBAN"),
        ("PAYDESK_PAYER_BIC", "BANK", "is no BIC"),
        ("PAYDESK_PAYER_NAME", "x" * 71, "a bank takes 70"),
        ("PAYDESK_PORT", "0", "from 1 to 65535"),
        ("PAYDESK_HTTP_PORT", "65536", "from 1 to 65535"),
        ("PAYDESK_HTTP_PORT", "²", "from 1 to 65535"),
    ],
)
def test_a_wrong_setting_is_named_and_told_in_a_sentence(name: str, written: str, sentence: str):
    [fault] = faults(**{name: written})
    assert fault.startswith(f"{name} ")
    assert sentence in fault


def test_every_fault_is_named_at_once():
    named = faults(
        PAYDESK_ENV="staging",
        PAYDESK_PORT="x",
        PAYDESK_COLOUR="red",
        DATABASE_URL="mysql://h/d",
        OTHER="of no concern",
    )
    assert [fault.split()[0] for fault in named] == [
        "PAYDESK_COLOUR",
        "PAYDESK_ENV",
        "DATABASE_URL",
        "PAYDESK_PORT",
    ]


def test_a_misspelt_setting_is_met_with_the_one_meant():
    assert faults(PAYDESK_COKIE_KEY=RANDOM) == [
        "PAYDESK_COKIE_KEY is no setting of Paydesk; did you mean PAYDESK_COOKIE_KEY?"
    ]


def test_two_servers_never_share_a_port_nor_two_uses_a_secret():
    named = faults(
        PAYDESK_PORT="9000", PAYDESK_HTTP_PORT="9000", PAYDESK_COOKIE_KEY=RANDOM, PAYDESK_SECRETS_KEY=RANDOM
    )
    assert [fault.split()[0] for fault in named] == ["PAYDESK_PORT", "PAYDESK_COOKIE_KEY"]


def test_production_refuses_the_simulator_and_secrets_that_are_missing_short_or_placeholders():
    assert [fault.split()[0] for fault in faults(PAYDESK_ENV="production", PAYDESK_COOKIE_KEY="short")] == [
        "PAYDESK_COOKIE_KEY",
        "PAYDESK_PROVIDER",
        "PAYDESK_SECRETS_KEY",
    ]
    [simulator, placeholder] = faults(
        PAYDESK_ENV="production", PAYDESK_COOKIE_KEY="change me " * 4, PAYDESK_SECRETS_KEY=RANDOM
    )
    assert "moves no money" in simulator
    assert placeholder == "PAYDESK_COOKIE_KEY looks like a placeholder; production needs a random one."


def test_stripe_needs_its_key_and_whose_it_is():
    assert Settings.from_env(STRIPE).provider == "stripe"
    named = faults(PAYDESK_PROVIDER="stripe")
    assert [fault.split()[0] for fault in named] == ["STRIPE_ACCOUNT_ID", "STRIPE_SECRET_KEY"]
    assert all("PAYDESK_PROVIDER is stripe" in fault for fault in named)


def test_a_process_that_never_sends_holds_no_key_of_stripes():
    environ = {name: value for name, value in STRIPE.items() if name != "STRIPE_SECRET_KEY"}
    assert Settings.from_env(environ, sends=False).stripe_secret_key is None
    [fault] = faults_of({"PAYDESK_PROVIDER": "stripe"}, sends=False)
    assert fault.startswith("STRIPE_ACCOUNT_ID ")


@pytest.mark.parametrize("env", ["demo", "test"])
@pytest.mark.parametrize("prefix", ["sk_live_", "rk_live_"])
def test_a_live_key_is_refused_outside_production_whoever_pays(env: str, prefix: str):
    [fault] = faults(PAYDESK_ENV=env, STRIPE_SECRET_KEY=f"{prefix}of_the_platform")
    assert "a live key, which moves real money" in fault


@pytest.mark.parametrize("prefix", ["sk_test_", "rk_test_"])
def test_a_test_key_and_another_stripe_are_refused_in_production(prefix: str):
    assert Settings.from_env(LIVE).stripe_api_base is None
    named = faults(
        **LIVE | {"STRIPE_SECRET_KEY": f"{prefix}of_the_platform", "STRIPE_API_BASE": "https://example.com"}
    )
    assert [fault.split()[0] for fault in named] == ["STRIPE_SECRET_KEY", "STRIPE_API_BASE"]
    assert "a test key, which moves no money" in named[0]


def test_no_fault_and_no_picture_of_the_settings_tells_a_secret():
    assert not any(
        "hunter2" in fault for fault in faults(PAYDESK_COOKIE_KEY="hunter2", DATABASE_URL="db://hunter2")
    )
    assert not any("hunter2" in fault for fault in faults(STRIPE_SECRET_KEY="hunter2"))
    settings = Settings.from_env(
        STRIPE | {"PAYDESK_COOKIE_KEY": RANDOM, "DATABASE_URL": "postgresql://a:hunter2@h/d"}
    )
    for secret in (RANDOM, "hunter2", STRIPE["STRIPE_SECRET_KEY"]):
        assert secret not in f"{settings} {settings!r}"


def test_the_example_names_every_setting_and_no_other():
    lines = Path(__file__).parents[2].joinpath(".env.example").read_text().splitlines()
    written = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert sorted(written) == sorted(["DATABASE_URL", *KNOWN])
    assert Settings.from_env(written).env == "demo"


SERVER = {"PAYDESK_NOTIFY_SMTP_URL": "smtp://desk:secret-of-mail@mail.example.com:587?starttls"}
MAIL = SERVER | {"PAYDESK_NOTIFY_FROM": "payouts@example.com", "PAYDESK_NOTIFY_FINANCE": "ann@example.com"}


def test_with_a_mail_server_somebody_sends_and_somebody_is_told_of_a_stop():
    assert [fault.split()[0] for fault in faults(**SERVER)] == [
        "PAYDESK_NOTIFY_FROM",
        "PAYDESK_NOTIFY_FINANCE",
    ]
    assert Settings.from_env(MAIL).notify_smtp is not None


def test_without_one_the_demo_writes_to_itself_and_nobody_else_writes():
    assert Settings.from_env({}).notify_from == ("Paydesk demo", "payouts@example.com")
    assert Settings.from_env({"PAYDESK_ENV": "test"}).notify_from is None


def test_the_password_of_mail_is_in_no_words():
    settings = Settings.from_env(MAIL)
    assert "secret-of-mail" not in repr(settings) + str(settings) + repr(settings.notify_smtp)
    bad = MAIL | {"PAYDESK_NOTIFY_SMTP_URL": "smtp://desk:secret-of-mail@mail.example.com:x"}
    assert "secret-of-mail" not in " ".join(faults(**bad))


def test_in_production_the_password_of_mail_and_the_partners_page_are_kept_safe():
    mail = MAIL | {"PAYDESK_NOTIFY_SMTP_URL": "smtp://desk:secret-of-mail@mail.example.com"}
    found = faults(**mail, PAYDESK_ENV="production", PAYDESK_PUBLIC_URL="http://example.com")
    assert any(fault.startswith("PAYDESK_NOTIFY_SMTP_URL sends its password in the clear") for fault in found)
    assert any(fault.startswith("PAYDESK_PUBLIC_URL is not https://") for fault in found)
