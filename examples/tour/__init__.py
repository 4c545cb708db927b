"""The tour: a practice and its clients, through every procedure of rules §10.

Run it from the checkout with `make tour`, or with

    pip install '.[cli,links,templates]'
    python -m examples.tour

It is also an example of how an application uses the library. `clients`, `services` and `beyond`
hold the scenes: which commands are given, and what is expected of them. `stage` hands the commands
to :class:`client_access.ClientAccess`, plays the email program and the clock, and prints the
answers.
"""
