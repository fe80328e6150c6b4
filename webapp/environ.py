"""The keys of the WSGI environ by which the server tells the app about a request."""

DRAINING = "lookalike.draining"  # True from the first ``Server.stop`` on
REFUSAL = "lookalike.refusal"  # the HTTPException to raise, or None
ACCESS = "lookalike.access"  # the Access that the log will tell
