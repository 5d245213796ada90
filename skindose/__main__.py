"""`python -m skindose`: the command line where the installed script is not on the path."""

from skindose.cli import main

main()
