"""The server with its default limits, over fake models of which one never ends: prints its port."""

import sys
from threading import Event

from fakes import FakeBlip, FakeSDXL

import captioner.engine
import generator.engine
from webapp import create_app
from webapp.job_store import JobStore
from webapp.server import Server, bind
from webapp.services import Services
from webapp.settings import Settings

endless = FakeSDXL(on_stage=lambda stage, prompt: Event().wait())
services = Services(
    captioner.engine.Engine(FakeBlip()), generator.engine.Engine(endless), JobStore()
)
services.captioner.start()
services.generator.start()
server = Server(create_app(Settings(), services), bind("127.0.0.1", [0]))
print(server.ports[0], flush=True)
sys.exit(server.run())
