"""The state machines, one file each, to read from the top down: theory, states, table, code."""
