"""The command line: the same core, headless, no Qt. Nothing heavy is imported before it is used."""
