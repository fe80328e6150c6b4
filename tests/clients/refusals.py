"""How often a server has refused, by its own count."""

import re
from urllib.request import urlopen


def refusals(address: str, status: int) -> int:
    """How many requests got this status: one that was tried again counts again."""
    with urlopen(f"{address}/metrics", timeout=10) as answer:
        numbers = answer.read().decode()
    counts = re.findall(rf'requests_total{{.*status="{status}".*}} (\d+)', numbers)
    return sum(map(int, counts))
