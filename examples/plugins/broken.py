"""A plug-in with a mistake, which must not end the host."""
name = "broken"


def run(text, **options):
    return text.no_such_method()
