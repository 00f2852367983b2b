"""Where in the source something is done: the functions in whose syntax trees it is found."""

import ast

SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def places(tree, matches, scope=()):
    """The names, with their classes, of the functions of a tree in which a node matches."""
    found = set()
    for node in ast.iter_child_nodes(tree):
        inner = (*scope, node.name) if isinstance(node, SCOPES) else scope
        if matches(node):
            found.add(".".join(scope) or "<module>")
        found |= places(node, matches, inner)
    return found
