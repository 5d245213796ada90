"""House rules on who holds what: numba in one file a room, heavy libraries loaded late, conversions in units.py."""

import ast
import os
import subprocess
import sys
from itertools import pairwise

from tests.house import source

JIT_FILES = {f"skindose/{room}/jit.py" for room in ("kernel", "physics", "montecarlo")}
# What a jit file may import: nothing of ours, since numba's disk cache does not see that another file has changed
# and would go on with the old machine code (numba's issues 1833 and 9483).
JIT_IMPORTS = {"__future__", "math", "numba", "numpy", "sys"}
HEAVY = {"pydicom", "numba", "trimesh", "plotly", "pyvista", "django", "jinja2", "pydantic", "typer", "rich", "numpy"}
POWERS_OF_TEN = {10, 100, 1e3, 1e4, 1e6, 0.1, 0.01, 1e-3}
# file -> (how many such products, what they are); a percentage in a text, f"{100 * share:.0f} %", needs no entry
NOT_A_UNIT = {
    "skindose/phantom/__init__.py": (3, "100 mm, half the depth of the reference trunk"),
    "skindose/phantom/regions.py": (1, "percent of the stature"),
}


def imports(path):
    """(top module, line) of every import in the file, those inside functions too."""
    for node in ast.walk(source.tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), node.lineno


def top(module):
    return module.split(".")[0]


def test_numba_stands_in_one_file_a_room():
    found = [
        f"{source.name(path)}:{line}"
        for path in source.python_files("skindose")
        for module, line in imports(path)
        if top(module) == "numba" and source.name(path) not in JIT_FILES
    ]
    assert not found, f"numba is imported outside {sorted(JIT_FILES)}:\n" + "\n".join(found)


def test_compiled_code_calls_nothing_of_another_file():
    found = [
        f"{source.name(path)}:{line}: imports {module}"
        for path in source.python_files("skindose")
        if source.name(path) in JIT_FILES
        for module, line in imports(path)
        if top(module) not in JIT_IMPORTS
    ]
    assert not found, "numba's cache would not see that the other file has changed:\n" + "\n".join(found)


def test_import_skindose_loads_nothing_heavy():
    code = "import sys, skindose; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(source.ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert not HEAVY & set(done.stdout.split())


def percentages(path):
    """Nodes inside the braces of every f-string where " %" follows them."""
    for text in ast.walk(source.tree(path)):
        parts = text.values if isinstance(text, ast.JoinedStr) else []
        for shown, after in pairwise(parts):
            if isinstance(after, ast.Constant) and str(after.value).lstrip().startswith("%"):
                yield from ast.walk(shown)


def products(path):
    """(line, text) of every product or quotient with a power of ten, percentages in texts left out."""
    percent = set(percentages(path))
    for node in ast.walk(source.tree(path)):
        if not isinstance(node, ast.BinOp | ast.AugAssign) or not isinstance(node.op, ast.Mult | ast.Div):
            continue
        sides = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.value,)
        if node not in percent and any(isinstance(n, ast.Constant) and n.value in POWERS_OF_TEN for n in sides):
            yield node.lineno, ast.unparse(node)


def test_units_are_converted_in_one_file():
    found = []
    for path in source.python_files("skindose", "phantoms"):
        name = source.name(path)
        lines = [f"{name}:{line}: {text}" for line, text in products(path)]
        allowed, _ = NOT_A_UNIT.get(name, (0, ""))
        if name != "skindose/units.py" and len(lines) > allowed:
            found += lines
    assert not found, (
        "a unit is converted by a function of units.py; what is no unit (percent) is counted in NOT_A_UNIT:\n"
        + "\n".join(found)
    )
