"""YAML as an editor reads it (the core schema of YAML 1.2), and as the loader does (every scalar is a text), with the line of everything."""

import re

import yaml

_TYPES = [
    (re.compile(r"^(~|null|Null|NULL|)$"), lambda text: None),
    (re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), lambda text: text.lower() == "true"),
    (re.compile(r"^[-+]?[0-9]+$"), int),
    (re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"), float),
]


class Document:
    """One document as Python's values. A path is keys and indexes, as validators name places."""

    def __init__(self, node, convert):
        self._lines, self._keys = {}, {}
        self.value = self._take(node, (), convert)

    def line(self, path):
        return self._lines[tuple(path)]

    def key_line(self, path):
        return self._keys[tuple(path)]

    def _take(self, node, path, convert):
        self._lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            taken = {}
            for key, value in node.value:
                inner = path + (str(key.value),)
                self._keys[inner] = key.start_mark.line + 1
                taken[inner[-1]] = self._take(value, inner, convert)
            return taken
        if isinstance(node, yaml.SequenceNode):
            return [self._take(item, path + (index,), convert) for index, item in enumerate(node.value)]
        return convert(node)


def _typed_scalar(node):
    if node.style is None:
        for form, make in _TYPES:
            if form.match(node.value):
                return make(node.value)
    return node.value


def _documents(text, convert):
    return [Document(node, convert) for node in yaml.compose_all(text, Loader=yaml.BaseLoader) if node is not None]


def typed(text):
    return _documents(text, _typed_scalar)


def texts(text):
    return _documents(text, lambda node: node.value)
