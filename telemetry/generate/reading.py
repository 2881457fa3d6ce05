"""YAML groups in weaver's form, read, checked against the schema and resolved."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import yaml
from jsonschema import Draft202012Validator

from telemetry.generate.registry import Annotations, Attribute, Field, Group, Metric, Registry

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RegistryError", "load"]


class RegistryError(Exception):
    """Lines that say what is wrong with the registry, and where."""


def load(directory: Path) -> Registry:
    """Read the registry below ``directory`` (``telemetry``).

    Raises:
        RegistryError: a file breaks the schema, or refers to what isn't declared.
    """
    declared = _read(directory)
    groups = {one["id"]: _group(one) for one in declared}
    items = [(groups[one["id"]], item) for one in declared for item in one.get("attributes", ())]
    attributes = {item["id"]: _attribute(item, group) for group, item in items if "id" in item}
    ids = Counter([one["id"] for one in declared] + [item.get("id") for _, item in items])
    problems = [f"{one}: declared twice" for one, number in ids.items() if one and number > 1]
    problems += [
        f"{group.id}: no attribute {item['ref']} is declared"
        for group, item in items
        if "ref" in item and item["ref"] not in attributes
    ]
    if problems:
        raise RegistryError("\n".join(problems))
    fields = {
        one: tuple(
            _field(item, attributes) for group, item in items if group.id == one and "ref" in item
        )
        for one in groups
    }
    metrics = tuple(
        Metric(
            groups[each["id"]],
            each["metric_name"],
            each["instrument"],
            each["unit"],
            fields[each["id"]],
        )
        for each in declared
        if each["type"] == "metric"
    )
    return Registry(attributes, tuple(groups.values()), fields, metrics)


def _read(directory: Path) -> list[dict[str, Any]]:
    schema = Draft202012Validator(json.loads((directory / "schema.json").read_text("utf-8")))
    declared: list[dict[str, Any]] = []
    problems: list[str] = []
    for path in sorted((directory / "registry").glob("*.yaml")):
        document = yaml.safe_load(path.read_text("utf-8"))
        for error in schema.iter_errors(document):
            where = "/".join(map(str, error.absolute_path))
            problems.append(f"{path.name}: {where}: {error.message}")
        declared += document["groups"] if not problems else []
    if problems:
        raise RegistryError("\n".join(problems))
    return declared


def _group(item: dict[str, Any]) -> Group:
    return Group(
        id=item["id"],
        type=item["type"],
        title=item.get("display_name", ""),
        brief=item["brief"],
        note=item.get("note", ""),
        name=item.get("name", ""),
        annotations=Annotations(item.get("annotations", {})),
        deprecated=item.get("deprecated"),
    )


def _attribute(item: dict[str, Any], group: Group) -> Attribute:
    is_enum = isinstance(item["type"], dict)
    return Attribute(
        key=item["id"],
        brief=item["brief"],
        type="string" if is_enum else item["type"],
        members=tuple(_member(one) for one in item["type"]["members"]) if is_enum else (),
        annotations=Annotations(item.get("annotations", {})),
        group=group,
        deprecated=item.get("deprecated"),
    )


def _member(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "annotations": Annotations(item.get("annotations", {}))}


def _field(item: dict[str, Any], attributes: dict[str, Attribute]) -> Field:
    attribute = attributes[item["ref"]]
    return Field(
        attribute=attribute,
        brief=item.get("brief", attribute.brief),
        required=item.get("requirement_level") == "required",
        annotations=Annotations(item.get("annotations", {})),
        is_deprecated="deprecated" in item or attribute.deprecated is not None,
    )
