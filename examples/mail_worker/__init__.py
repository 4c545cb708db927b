"""A worker that mails."""
