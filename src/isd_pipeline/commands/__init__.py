"""The commands of `isd`: by its name the module that has each as a function.

These modules import what a command needs when it runs, so that coding a note waits for no
pipeline, and `--help` for nothing. A new command is its line here and its function.
"""

COMMANDS = {
    "billing": "coding",
    "bundle": "coding",
    "check": "data",
    "code": "coding",
    "compare": "runs",
    "decisions": "coding",
    "init-data": "data",
    "learn": "learning",
    "list": "listing",
    "locks": "studies",
    "repair": "studies",
    "reproduce": "studies",
    "serve": "serving",
    "show": "runs",
    "study": "studies",
    "summary": "runs",
    "train": "training",
    "verify": "studies",
    "watch": "watching",
}
RENAMED = {"mend": "repair"}
