"""The harness of tests/net and tests/vm: Python 3 standard library only."""
