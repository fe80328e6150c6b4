"""The page and the image API, over the two engines."""

import sys

from webapp import early_signals

if sys.argv[:1] == ["-m"]:  # run, not imported: the imports below take seconds, before __main__
    early_signals.end_at_once()

from flask import Flask

from webapp import (
    about,
    caption_api,
    docs,
    door,
    errors,
    examples,
    generate_image,
    guards,
    health,
    jobs,
    logs,
    metrics,
    pages,
    pictures,
    status,
)
from webapp.dialects import automatic1111, huggingface, ollama, openai
from webapp.dialects.dialect import make_room
from webapp.form_request import FormRequest
from webapp.hosts import Hosts
from webapp.json_provider import Provider
from webapp.proxy import BehindProxy
from webapp.services import Services, kept_days
from webapp.settings import Settings
from webapp.versions import versions

# For the fields of a form, beside its picture.
FORM_BYTES = 64 * 2**10
# werkzeug's form parser may hold a read of 64 KiB and, before it, what may be half of a boundary.
HELD_BACK_BYTES = 4 * 2**10


def create_app(settings: Settings, services: Services) -> Flask:
    app = Flask(__name__)
    app.request_class = FormRequest
    app.json = Provider(app)
    app.config.update(
        API_PORT=None,  # known once the server listens
        MAX_UPLOAD_MB=settings.max_upload_mb,
        MAX_CONTENT_LENGTH=settings.max_upload_bytes + FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=FORM_BYTES + HELD_BACK_BYTES,
        MAX_FORM_PARTS=24,
        INSECURE_OPEN=settings.insecure_open,
        LOG_PROMPTS=settings.log_prompts,
        VERSIONS=versions(),
    )
    if settings.trusted_proxy is not None:
        app.wsgi_app = BehindProxy(app.wsgi_app, settings.trusted_proxy)  # type: ignore[method-assign]
    app.extensions["services"] = services
    app.jinja_env.globals |= {"example_file": examples.file_name, "kept_days": kept_days}
    logs.init_app(app)
    metrics.init_app(app)
    guards.init_app(app, hosts_of(settings))
    errors.init_app(app)
    app.before_request(make_room)
    huggingface.DIALECT.join(app)
    openai.DIALECT.join(app)
    ollama.DIALECT.join(app)
    automatic1111.DIALECT.join(app)
    apis = (caption_api, generate_image, health, metrics, status)
    for module in (pages, jobs, pictures, about, *apis, door, docs):
        app.register_blueprint(module.bp)
    return app


def hosts_of(settings: Settings) -> Hosts:
    return Hosts.of(settings.host, settings.allowed_host) if settings.is_guarded else Hosts()
