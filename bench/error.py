"""The one kind of error that a user can cause."""


class UserError(Exception):
    """A wrong command line or input file: one line that says what is wrong and what to do.

    The command line prints it on stderr and exits with 2; nothing has been written by then.
    """
