"""Holds YAML files against a JSON Schema, as an editor does: a line for each, `valid` or where it is not."""

import json
import pathlib
import sys

import jsonschema
import yaml

schema = json.loads(pathlib.Path(sys.argv[1]).read_text())
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
for name in sys.argv[2:]:
    errors = validator.iter_errors(yaml.safe_load(pathlib.Path(name).read_text()))
    places = sorted({"/".join(map(str, error.absolute_path)) or "top" for error in errors})
    print(" ".join(places) or "valid")
