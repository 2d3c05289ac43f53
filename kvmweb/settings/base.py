"""Every setting of the product, from the environment or a .env file beside manage.py; the defaults are the embedded set-up."""

from __future__ import annotations

from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF

from kvmweb import logs, own_names, secrets_store

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env", overwrite=False)

# Everything the product writes lives in one folder.
DATA_DIR = Path(env.str("KVMWEB_DATA_DIR", str(BASE_DIR / "data"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)
IMAGES_DIR = DATA_DIR / "images"
IMPORT_DIR = DATA_DIR / "import"

DEBUG = env.bool("KVMWEB_DEBUG", False)
SECRET_KEY = env.str("KVMWEB_SECRET_KEY", "") or secrets_store.read_or_create(DATA_DIR, "secret_key")
# Keys of encrypted fields, newest first, or the file with them (kvmweb.key_rotation).
FIELD_KEYS = env.list("KVMWEB_FIELD_KEYS", default=[])
FIELD_KEYS_FILE = secrets_store.field_keys_file(DATA_DIR)
# Without names of yours: any address, and any name that a stranger's DNS cannot point here (kvmweb.own_names).
ALLOWED_HOSTS = env.list("KVMWEB_ALLOWED_HOSTS", default=[]) or own_names.default_hosts()
CSRF_TRUSTED_ORIGINS = env.list("KVMWEB_TRUSTED_ORIGINS", default=[])
BEHIND_TLS = env.bool("KVMWEB_BEHIND_TLS", False)
# Only these may say with X-Forwarded-For and X-Forwarded-Proto for whom they ask: addresses or networks.
TRUSTED_PROXIES = env.list("KVMWEB_TRUSTED_PROXIES", default=[]) or (["127.0.0.1", "::1"] if BEHIND_TLS else [])
SITE_NAME = env.str("KVMWEB_SITE_NAME", "kvmweb")

INSTALLED_APPS = [
    "kvmweb.apps.KvmwebAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.mfa",
    "allauth.usersessions",
    "tenants",
    "accounts",
    "live",
    "jobs",
    "hosts",
    "networks",
    "storage",
    "metrics",
    "guests",
    "console",
    "watcher",
    "bootstrap",
]

MIDDLEWARE = [
    "kvmweb.rest.request_id.RequestIdMiddleware",
    "kvmweb.middleware.OwnPagesOnlyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "tenants.middleware.ActorMiddleware",
    "accounts.middleware.LastSeenMiddleware",
    "accounts.middleware.RequireMfaMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "kvmweb.middleware.ErrorPagesMiddleware",
]

ROOT_URLCONF = "kvmweb.urls"
ASGI_APPLICATION = "kvmweb.asgi.application"
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
                "csp.context_processors.nonce",
                "kvmweb.context.shell",
            ],
            "builtins": ["kvmweb.templatetags.ui"],
        },
    }
]

# -- database -----------------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    if DATABASES["default"]["NAME"] != ":memory:":
        secrets_store.keep_database_private(Path(DATABASES["default"]["NAME"]))
    # IMMEDIATE takes the write lock at BEGIN, where SQLite waits for `timeout`; a lock taken later fails at once with "database is locked".
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000; PRAGMA cache_size=-16000;",
    }
# Each web thread keeps a database connection; 60 s, so that a restarted PostgreSQL is found again.
WEB_THREADS = env.int("KVMWEB_WEB_THREADS", 8)
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "tenants.User"
# knox's migrations make its own token table even though ours replaces it, and PostgreSQL refuses to truncate what a table unknown
# to Django refers to.
MIGRATION_MODULES = {"knox": None}

# -- redis: Celery's broker, the channel layer, heartbeats. Nothing in it is the truth; all of it may be lost. ----------------------
REDIS_URL = env.str("REDIS_URL", f"unix://{DATA_DIR / 'redis.sock'}")
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1) if REDIS_URL.startswith("unix://") else REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "kvmweb"
CELERY_WORKER_CONCURRENCY = env.int("KVMWEB_WORKERS", 3)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 6 * 3600, "socket_timeout": 5, "socket_connect_timeout": 5}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "run" / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    # Jobs are swept by a thread of beat itself: see jobs.sweeper.
    "forget-seeds": {"task": "guests.forget_seeds", "schedule": 60.0, "options": {"expires": 60}},
    "close-dead-consoles": {"task": "console.tidy", "schedule": 60.0, "options": {"expires": 60}},
    "forget-logins": {"task": "accounts.forget", "schedule": 3600.0, "options": {"expires": 600}},
    "prune": {"task": "jobs.prune", "schedule": 3600.0, "options": {"expires": 600}},
}
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL], "prefix": "kvmweb"}}
}
# Live messages go through redis (live.bus); tests deliver them inside their own process.
LIVE_IN_PROCESS = False
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# -- hypervisors ------------------------------------------------------------------------------------------------------------------
HYPERVISOR_CONNECTOR = env.str("KVMWEB_HYPERVISOR_CONNECTOR", "hypervisor.libvirt.sessions.connect")
LIBVIRT_SOCKET = env.str("KVMWEB_LIBVIRT_SOCKET", "/run/libvirt/libvirt-sock")
CONSOLE_BROKER_SOCKET = env.str("KVMWEB_CONSOLE_SOCKET", str(DATA_DIR / "console.sock"))
# Where the stand-alone websockify gateway is reached by browsers, such as wss://console.example.org. Empty: the product's own port.
CONSOLE_GATEWAY_URL = env.str("KVMWEB_CONSOLE_GATEWAY_URL", "")
CONSOLE_TICKET_LIFETIME_S = 30
# Open at once, over all processes. A person with a wall of screens needs dozens; an office behind one address, hundreds.
CONSOLES_PER_USER = env.int("KVMWEB_CONSOLES_PER_USER", 50)
CONSOLES_PER_ADDRESS = env.int("KVMWEB_CONSOLES_PER_ADDRESS", 300)
# Asked for and not used yet; they expire after 30 s.
CONSOLE_TICKETS_PER_USER = env.int("KVMWEB_CONSOLE_TICKETS_PER_USER", 60)
# Pages of one user that one web process keeps live.
LIVE_SOCKETS_PER_USER = env.int("KVMWEB_LIVE_SOCKETS_PER_USER", 100)
CONSOLE_IDLE_LIMIT_S = 30 * 60
CONSOLE_HARD_LIMIT_S = 8 * 3600

# -- people -----------------------------------------------------------------------------------------------------------------------
from kvmweb.settings.accounts import *  # noqa: E402, F403  (after .env was read)

CSRF_FAILURE_VIEW = "kvmweb.error_pages.csrf_failure"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("pt-br", "Português (Brasil)")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# -- audit trail: where it is sent on to (tenants.audit.forward) ---------------------------------------------------------------------
AUDIT_SYSLOG = env.str("KVMWEB_AUDIT_SYSLOG", "")
AUDIT_WEBHOOK = env.str("KVMWEB_AUDIT_WEBHOOK", "")
AUDIT_WEBHOOK_SECRET = env.str("KVMWEB_AUDIT_WEBHOOK_SECRET", "")
AUDIT_FORWARD_CA = env.str("KVMWEB_AUDIT_FORWARD_CA", "")

# -- REST -------------------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.authentication.ScopedTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.authentication.HasActor", "accounts.rest.HasSecondFactor"],
    "DEFAULT_RENDERER_CLASSES": ["kvmweb.rest.json_io.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["kvmweb.rest.json_io.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "kvmweb.rest.errors.render_error",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# The prefix is tenants.models.token.PREFIX: secret scanners know a key by it.
REST_KNOX = {"TOKEN_TTL": None, "AUTH_HEADER_PREFIX": "Token", "TOKEN_MODEL": "tenants.ApiToken", "TOKEN_PREFIX": "kvmw_"}
TOKENS_PER_USER = env.int("KVMWEB_TOKENS_PER_USER", 50)
# Days a new token may live at most; 0 is for ever.
TOKEN_MAX_DAYS = env.int("KVMWEB_TOKEN_MAX_DAYS", 0)
KNOX_TOKEN_MODEL = "tenants.ApiToken"
SPECTACULAR_SETTINGS = {
    "TITLE": "kvmweb",
    "DESCRIPTION": "The web console for private-cloud KVM hosts.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "ENUM_NAME_OVERRIDES": {
        "GuestState": "guests.models.GuestState",
        "HostState": "hosts.models.HostState",
        "JobState": "jobs.models.JobState",
        "StepState": "jobs.models.StepState",
        "ImageState": "storage.models.Image.State",
        "VolumeState": "storage.models.Volume.State",
        "HostKind": "hosts.models.Host.Kind",
        "ImageKind": "storage.models.Image.Kind",
        "ConsoleKind": "console.models.ConsoleKind",
        "ConsoleMode": "console.models.ConsoleMode",
        "TenantRole": "tenants.models.TenantRole",
        "TokenScope": "tenants.models.TokenScope",
        "VolumePurpose": "storage.models.Volume.Purpose",
        "AuditOutcome": "tenants.models.AuditEntry.Outcome",
        "Acceleration": "hosts.models.Host.Acceleration",
    },
}
# Requests a token, a person or an address may make: so many at once, and as many again in each second, minute or hour. 0: no limit.
API_RATE = env.str("KVMWEB_API_RATE", "12000/minute")
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
DATA_UPLOAD_MAX_NUMBER_FILES = 1

# -- static -----------------------------------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# -- browser security -------------------------------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF, *([CONSOLE_GATEWAY_URL] if CONSOLE_GATEWAY_URL else [])],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
        "worker-src": [SELF, "blob:"],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    "camera": [],
    "geolocation": [],
    "microphone": [],
    "payment": [],
    "usb": [],
    "fullscreen": ["self"],
    "clipboard-read": ["self"],
    "clipboard-write": ["self"],
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# Two instances on one machine differ only by port, and cookies do not know ports: the name keeps their sessions apart.
_instance = secrets_store.fingerprint(SECRET_KEY)
# Browsers take a __Host- cookie only with Secure, for this host alone and the whole site: no other host of the domain can plant one.
_prefix = "__Host-" if BEHIND_TLS else ""
SESSION_COOKIE_NAME = f"{_prefix}kvmweb_session_{_instance}"
CSRF_COOKIE_NAME = f"{_prefix}kvmweb_csrf_{_instance}"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
if BEHIND_TLS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = True
    # Load balancers and supervisors ask without TLS, on the machine itself.
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = 31536000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
# Preloading into browsers is a decision about a whole domain, which this product does not own.
SILENCED_SYSTEM_CHECKS = ["security.W021"]

# -- logs -------------------------------------------------------------------------------------------------------------------------
# The id that kvmweb.rest.request_id gave or took over.
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
logs.configure_structlog()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "kvmweb.logs.LineFormatter"}},
    "filters": {"no_readiness": {"()": "kvmweb.logs.NoReadiness"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_readiness"]}},
    "root": {"handlers": ["console"], "level": env.str("KVMWEB_LOG_LEVEL", "INFO")},
    "loggers": {
        "django_structlog": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},  # refusals are one line already, with their request id, from django-structlog
        "celery": {"level": "WARNING"},
        "uvicorn.access": {"level": "WARNING"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
