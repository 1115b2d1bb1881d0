"""Holds values against the schemas of docs/openapi.yaml: the part of JSON Schema that it uses."""

import pathlib
import re

import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


class Contract:
    def __init__(self):
        self.document = yaml.safe_load((TOP / "docs/openapi.yaml").read_text())

    def resolve(self, node):
        while "$ref" in node:
            found = self.document
            for word in node["$ref"].removeprefix("#/").split("/"):
                found = found[word]
            node = found
        return node

    def operations(self):
        """(method, path) → operation, for every one."""
        return {(method.upper(), path): operation
                for path, item in self.document["paths"].items()
                for method, operation in item.items() if method != "parameters"}

    def schema(self, operation, status, content="application/json"):
        answer = self.resolve(operation["responses"][str(status)])
        return answer.get("content", {}).get(content, {}).get("schema")

    def faults(self, value, schema, at="answer"):
        """Every way in which value breaks the schema, as sentences."""
        schema = self.resolve(schema)
        if "oneOf" in schema:
            fitting = [one for one in schema["oneOf"] if not self.faults(value, one)]
            return [] if len(fitting) == 1 else [f"{at}: fits {len(fitting)} of oneOf"]
        if "allOf" in schema:
            return [fault for one in schema["allOf"] for fault in self.faults(value, one, at)]
        kinds = schema.get("type", [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds and not any(is_a(value, kind) for kind in kinds):
            return [f"{at}: {value!r:.60} is no {' or '.join(kinds)}"]
        if "enum" in schema and value not in schema["enum"]:
            return [f"{at}: {value!r} is none of {schema['enum']}"]
        if "const" in schema and value != schema["const"]:
            return [f"{at}: {value!r} is not {schema['const']!r}"]
        if isinstance(value, dict):
            return self.object_faults(value, schema, at)
        if isinstance(value, list):
            found = [fault for i, item in enumerate(value)
                     for fault in self.faults(item, schema.get("items", {}), f"{at}[{i}]")]
            if len(value) > schema.get("maxItems", len(value)):
                found.append(f"{at}: {len(value)} items")
            return found
        if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
            return [f"{at}: {value!r} is not {schema['pattern']}"]
        return []

    def object_faults(self, value, schema, at):
        known = schema.get("properties", {})
        found = [f"{at}: {name} is missing" for name in schema.get("required", [])
                 if name not in value]
        more = schema.get("additionalProperties", True)
        for name, member in value.items():
            if name in known:
                found += self.faults(member, known[name], f"{at}.{name}")
            elif more is False:
                found.append(f"{at}: {name} is unknown")
            elif isinstance(more, dict):
                found += self.faults(member, more, f"{at}.{name}")
        return found

    def check(self, value, schema):
        found = self.faults(value, schema)
        assert not found, "\n".join(found[:10])


def is_a(value, kind):
    if kind == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[kind])
