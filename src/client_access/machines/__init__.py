"""The state machines, one file each, read from the top down: theory, states, table, code."""
