"""`python -m yolox_ela`: the same as `yolox-ela`."""

from yolox_ela.commands.entry import main

if __name__ == "__main__":
    main()
