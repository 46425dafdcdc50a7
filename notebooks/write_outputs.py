"""Run the notebooks and keep their outputs in them: python notebooks/write_outputs.py

What would differ from one machine to the next is left out: times, the kernel, temporary folders.
"""

import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
FOLDER = re.compile(r"(?:/[\w.~-]+)*/tmp[\w.~/-]*")  # as a warning names them


def with_outputs(path: Path) -> None:
    """Run a notebook from its folder, and write it with what its cells printed and drew."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(HERE)}}).execute()
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02}"
        cell["metadata"] = {}
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)


def _joined(outputs: list) -> list:
    """What was printed line by line as one output, without the machine's folders."""
    found: list = []
    for output in outputs:
        if output.output_type != "stream":
            found.append(output)
            continue
        output.text = FOLDER.sub("…", output.text)
        last = found[-1] if found else {}
        if last.get("name") == output.name:
            last.text += output.text
        else:
            found.append(output)
    return found


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(HERE.glob("*.ipynb")):
        with_outputs(Path(name))
