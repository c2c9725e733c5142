"""A plug-in: text in capitals."""
name = "shout"


def run(text, **options):
    return text.upper() + "!" * options.get("marks", 1)
