"""A plug-in: how often each word occurs."""
from collections import Counter

name = "count"


def run(text, **options):
    words = Counter(text.lower().split())
    return ", ".join(f"{word}={n}" for word, n in sorted(words.items()))
