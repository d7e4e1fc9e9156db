"""`python -m convscope` is the command line."""

from .fronts.cli import main

if __name__ == "__main__":
    main()
