"""What the house rules look at: the project's committed files and their syntax trees."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "skindose"


def name(path):
    """Path from the project's root, as the messages show it."""
    return path.relative_to(ROOT).as_posix()


def python_files(*folders):
    """Every .py below the folders, in a fixed order."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def committed_files():
    """What git tracks or would track; empty where this is no checkout (a source archive)."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        return []
    return sorted(ROOT / entry for entry in done.stdout.decode().split("\0") if entry and (ROOT / entry).is_file())


@cache
def tree(path):
    """Syntax tree of one file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def functions(path):
    """(qualified name, node) of every function and method in the file, nested ones too."""
    found = []

    def visit(node, prefix):
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{prefix}{child.name}."
                if not isinstance(child, ast.ClassDef):
                    found.append((inner[:-1], child))
            visit(child, inner)

    visit(tree(path), "")
    return found


def length(node):
    """Lines of a function from `def` to its end, without the docstring."""
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    has_docstring = ast.get_docstring(node, clean=False) is not None
    return lines - (first.end_lineno - first.lineno + 1 if has_docstring else 0)
