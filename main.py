"""`python main.py` starts everything (the same as `opendeep run`)."""

from opendeep.main import main

if __name__ == "__main__":
    main()
