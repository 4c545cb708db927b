"""Questions that need no command: sign-in, lists, invoices and the consequences of a change."""
