"""Pages of other sites, which try to use our server in all the ways that pages have."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FORM = "<form method=post action='{server}{path}' {kind}><input name=prompt value=x></form>"
SUBMIT = "<script>document.forms[0].submit()</script>"
# What a page does to an address of the server, for GET and for POST.
WAYS = {
    "image": "<img src='{server}{path}'>",
    "script": "<script src='{server}{path}'></script>",
    "style": "<link rel=stylesheet href='{server}{path}'>",
    "frame": "<iframe src='{server}{path}'></iframe>",
    "fetch": "<script>fetch('{server}{path}', {{mode: 'no-cors'}})</script>",
    "navigation": "<script>location.href = '{server}{path}'</script>",
}
UPLOADS = {
    "upload": FORM.replace("{kind}", "enctype='multipart/form-data'") + SUBMIT,
    "beacon": "<script>navigator.sendBeacon('{server}{path}', 'prompt=x')</script>",
}
POSTS = {
    "form": FORM + SUBMIT,
    "fetch": "<script>fetch('{server}{path}', {{method: 'POST', mode: 'no-cors',"
    " credentials: 'include', body: new URLSearchParams({{prompt: 'x'}})}})</script>",
    "sandbox": "<iframe sandbox='allow-scripts allow-forms' srcdoc=\""
    + FORM
    + SUBMIT
    + '"></iframe>',
}


@contextmanager
def foreign_site() -> Iterator[dict[str, str]]:
    """Serves the pages that a test puts into it, by their paths; its port is under "port"."""
    pages: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pages["port"] = str(server.server_port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield pages
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
