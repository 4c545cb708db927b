"""What is asked without a command: who gets in, lists, invoices, what a change comes to."""
