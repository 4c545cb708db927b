"""A drill: PostgreSQL under Patroni loses its primary while commands are given.

See :mod:`drill.__main__`, and docs/how-to/beyond_one_machine.md for what it shows.
"""
