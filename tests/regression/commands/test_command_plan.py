"""The texts of the command line."""

from bench.regression.commands.command_plan import split_arguments


def test_arguments_are_split_without_a_shell():
    assert split_arguments("sh -c 'a  $b' > c", "--command") == ["sh", "-c", "a  $b", ">", "c"]
