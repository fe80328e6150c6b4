"""What Chromium 156 says of the page that makes it ask, for a server on loopback.

``tests/browser/test_foreign_pages.py`` holds this against the Chromium that is installed.
"""

# A page of another site, here of localhost where the server is 127.0.0.1, and of another port.
SITES = ("cross-site", "same-site")
# Of a GET there is no Origin.
FOREIGN_GETS = [{"Sec-Fetch-Site": site} for site in SITES]
# {origin} is that of the foreign page; a sandboxed frame has none.
FOREIGN_POSTS = [
    *({"Sec-Fetch-Site": site, "Origin": "{origin}"} for site in SITES),
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
]
