"""``python -m visavis``, the form that torchrun takes."""

from visavis.cli import main

if __name__ == "__main__":
    main()
