"""All settings. What differs between machines comes from the environment, read through the functions below."""

import os
import secrets
import sys
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

from backoffice import embedded


def env_text(name: str, default: str = "") -> str:
    return os.environ.get(name) or default


def env_flag(name: str) -> bool:
    return env_text(name, "0").lower() not in ("0", "false", "no", "off")


def env_list(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in env_text(name, default).split(",") if word.strip()]


def env_networks(name: str) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(word) for word in env_list(name)]
    except ValueError as unreadable:
        raise ImproperlyConfigured(
            f"{name}: {unreadable}. Write networks like 10.1.0.0/16, with commas."
        ) from unreadable


def kept_secret(path: Path) -> str:
    """The secret in that file; made at the first need, readable by its owner only. One wins when several make it at once."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(50))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text()


BASE_DIR = Path(__file__).resolve().parent.parent
VAR = embedded.var_folder()
DEBUG = env_flag("DEBUG")
SECRET_KEY = env_text("SECRET_KEY") or kept_secret(VAR / "secret_key")
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")
BEHIND_TLS = env_flag("BEHIND_TLS")  # a proxy in front speaks https and sets X-Forwarded-Proto

INSTALLED_APPS = [
    "backoffice",
    "dispatch",
    "skills",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "ninja",  # for the files of the API's interactive description, which are then ours to serve
]

MIDDLEWARE = [
    "backoffice.requests.followed",
    "django.middleware.security.SecurityMiddleware",
    "backoffice.health.answered_first",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",  # a page is closed unless it says otherwise
    "dispatch.preferences.applied",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "backoffice.urls"
WSGI_APPLICATION = "backoffice.wsgi.application"
ASGI_APPLICATION = "backoffice.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

FORM_RENDERER = "backoffice.form_parts.Renderer"

# PostgreSQL. Connections last, one a thread; one that died in between is replaced before its next use.
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(embedded.database_url(), conn_max_age=None, conn_health_checks=True),
}
database_options: dict[str, Any] = DATABASES["default"].setdefault("OPTIONS", {})
# A PostgreSQL that went away without a word is noticed within a minute, not within TCP's two hours.
database_options.update(connect_timeout=5, keepalives_idle=30, keepalives_interval=10, keepalives_count=3)
# What is prepared (dispatch/prepared.py) is planned once a connection, too: left to itself PostgreSQL plans the statements of a
# board anew each time, which takes longer than they do.
database_options["options"] = f"{database_options.get('options', '')} -c plan_cache_mode=force_generic_plan".strip()

# Redis or Valkey: wake-ups only. Dead or slow, it may delay a saved act by little: no second try, short waits. (The worker's own
# blocking calls bring their longer waits along.)
redis_address: dict[str, Any] = dict(parse_url(embedded.redis_url()))
redis_queue = {
    "HOST": redis_address.get("host", "localhost"),
    "PORT": redis_address.get("port", 6379),
    "DB": redis_address.get("db", 0),
    "USERNAME": redis_address.get("username"),
    "PASSWORD": redis_address.get("password"),
    "SSL": embedded.redis_url().startswith("rediss:"),
    "DEFAULT_TIMEOUT": 60,
    "DEFAULT_RESULT_TTL": 0,
    "REDIS_CLIENT_KWARGS": {
        "unix_socket_path": redis_address.get("path"),
        "socket_connect_timeout": 0.5,
        "socket_timeout": 1,
        "retry": Retry(NoBackoff(), 0),
    },
}
RQ_QUEUES = {"default": redis_queue, "long": redis_queue, "webhooks": redis_queue}  # see backoffice/worker.py
RQ = {"WORKER_CLASS": "backoffice.worker.Worker", "JOB_CLASS": "backoffice.jobs.Job"}

# People
AUTH_USER_MODEL = "skills.Worker"
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_ENGINE = "django.contrib.sessions.backends.db"  # signing in works while Redis is away
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

# Language and time
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("fr", _("French"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["backoffice.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Static files: names carry the hash of the content, so browsers may keep them for ever.
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# Documents attached to files: outside of what is served, under names that say nothing.
ATTACHMENTS_DIR = env_text("ATTACHMENTS_DIR", str(VAR / "attachments"))
ATTACHMENT_MAX_BYTES = int(env_text("ATTACHMENT_MAX_MB", "20")) * 1024 * 1024
ATTACHMENTS_A_FILE = 50

# Mail that opens files: the folder below which maildirs lie, and how large a mail may be.
MAIL_DIR = env_text("MAIL_DIR", str(VAR / "mail"))
MAIL_MAX_BYTES = int(env_text("MAIL_MAX_MB", "40")) * 1024 * 1024

# The API: so many calls a minute with one token.
API_CALLS_A_MINUTE = int(env_text("API_CALLS_A_MINUTE", "6000"))

# What is sent in one body, documents aside: 5,000 files at once, with long titles and every accent written as \u00e9.
DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000_000  # bytes

# Webhooks go to public addresses, and into these networks.
WEBHOOKS_MAY_REACH = env_networks("THREESLOT_WEBHOOKS_MAY_REACH")

# Only what we serve ourselves is loaded, and nothing inline.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "form-action": [SELF],
    },
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None

# Who may read /metrics from elsewhere than this machine.
METRICS_TOKEN = env_text("METRICS_TOKEN")

# The log goes to stderr: "text" to be read, "json" with one object a line to be kept. A line for each request comes with json only,
# unless it is asked for (ACCESS_LOG=1).
LOG_FORMAT = env_text("LOG_FORMAT", "text")
if LOG_FORMAT not in ("text", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is {LOG_FORMAT!r}, but has to be text or json.")
ACCESS_LOG = env_flag("ACCESS_LOG") if "ACCESS_LOG" in os.environ else LOG_FORMAT == "json"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"text": {"()": "backoffice.logs.Text"}, "json": {"()": "backoffice.logs.JsonLines"}},
    "filters": {
        # 503 is what /readyz says on purpose, to probes that ask every few seconds
        "unasked": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(record, "status_code", 0) != 503,
        },
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "stream": sys.stderr,
            "formatter": LOG_FORMAT,
            "filters": ["unasked"],
        },
    },
    "root": {"handlers": ["stderr"], "level": env_text("LOG_LEVEL", "WARNING")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.request": {"level": "ERROR"},  # a 4xx is an answer, and no trouble of ours
        "backoffice.access": {"level": "INFO" if ACCESS_LOG else "WARNING"},
    },
}
