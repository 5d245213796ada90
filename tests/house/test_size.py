"""House rules on size: small functions, files that can be read in one sitting."""

from statistics import median

from tests.house import source

CODE = ("skindose", "phantoms")
LONGEST_FUNCTION = 60
LONGEST_FILE = 400
# file or file:function -> (its own limit, why)
EXEMPT = {
    "skindose/model.py": (510, "all nouns in one place: a map of the program"),
}


def limit(key, usual):
    return EXEMPT.get(key, (usual, ""))[0]


def lengths():
    """("file:function", lines without docstring) of every function of the package."""
    return [
        (f"{source.name(path)}:{name}", source.length(node))
        for path in source.python_files(*CODE)
        for name, node in source.functions(path)
    ]


def test_no_function_is_long():
    found = [f"{key}: {lines} lines" for key, lines in lengths() if lines > limit(key, LONGEST_FUNCTION)]
    assert not found, f"longer than {LONGEST_FUNCTION} lines without the docstring:\n" + "\n".join(found)


def test_functions_are_small():
    longest_first = sorted(lengths(), key=lambda entry: -entry[1])
    lines = [count for _, count in longest_first]
    shown = "\n".join(f"{count} {key}" for key, count in longest_first[:30])
    assert median(lines) <= 8, f"the median function has {median(lines)} lines; the longest:\n{shown}"
    assert sum(count <= 25 for count in lines) >= 0.9 * len(lines), f"over 10 % have more than 25 lines:\n{shown}"


def test_no_file_is_long():
    files = [path for path in source.python_files(*CODE) if path.name != "jit.py"]
    counts = {source.name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    found = [f"{key}: {lines} lines" for key, lines in counts.items() if lines > limit(key, LONGEST_FILE)]
    assert not found, f"longer than {LONGEST_FILE} lines:\n" + "\n".join(found)


def test_exempt_things_exist():
    known = {source.name(path) for path in source.python_files(*CODE)} | {key for key, _ in lengths()}
    assert set(EXEMPT) <= known
