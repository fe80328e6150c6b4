"""What the server tells the app about a request: keys of its WSGI environ."""

DRAINING = "lookalike.draining"  # True from the first ``Server.stop`` on
REFUSAL = "lookalike.refusal"  # the HTTPException to raise, or None
