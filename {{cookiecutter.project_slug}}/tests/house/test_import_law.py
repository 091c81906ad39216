"""What the import contracts cannot say: they cover every room, and others import a room by its public modules."""

import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
DOORS = {"service", "domain", "ports"}
# These choose what is real, or start it: they may see every shelf.
CHOOSERS = {"main", "worker", "room", "wiring", "setup", "cli"}
# Not rooms but halls: no shelves inside.
HALLS = {"wiring", "settings", "setup", "extensions", "adapters", "cli", "core"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("app")


@pytest.fixture(scope="module")
def contracts() -> dict[str, dict[str, Any]]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract for contract in config["tool"]["importlinter"]["contracts"]}


def rooms(graph: grimp.ImportGraph) -> set[str]:
    packages = {child.split(".")[1] for child in graph.find_children("app") if graph.find_children(child)}
    return packages - HALLS


def place(module: str) -> tuple[str, str]:
    """Room and shelf of a module; a room's own __init__ is on no shelf."""
    _, room, *rest = module.split(".")
    return room, rest[0] if rest else ""


def test_every_room_has_its_shelves_in_order(graph: grimp.ImportGraph, contracts: dict[str, dict[str, Any]]) -> None:
    assert {name.removeprefix("app.") for name in contracts["shelves"]["containers"]} == rooms(graph)


def test_no_room_knows_vendors(graph: grimp.ImportGraph, contracts: dict[str, dict[str, Any]]) -> None:
    below = {child.split(".")[1] for child in graph.find_children("app")} - {"adapters", "extensions", "__main__"}
    assert {name.removeprefix("app.") for name in contracts["vendors"]["source_modules"]} == below


def test_no_room_but_evaluation_and_monitoring_reckons_with_numpy(
    graph: grimp.ImportGraph, contracts: dict[str, dict[str, Any]]
) -> None:
    know = {"adapters", "extensions", "__main__", "evaluation", "monitoring"}
    below = {child.split(".")[1] for child in graph.find_children("app")} - know
    assert {name.removeprefix("app.") for name in contracts["numbers"]["source_modules"]} == below


def test_the_laws_of_layers_leave_nothing_out(contracts: dict[str, dict[str, Any]]) -> None:
    layered = [contract for contract in contracts.values() if contract["type"] == "layers"]
    assert len(layered) == 2
    assert all(contract["exhaustive"] for contract in layered)


def test_another_room_is_entered_by_service_domain_or_ports(graph: grimp.ImportGraph) -> None:
    inside = rooms(graph)
    broken = []
    for importer in sorted(graph.modules - {"app", "app.__main__"}):
        for imported in sorted(graph.find_modules_directly_imported_by(importer) - {"app"}):
            (here, _), (there, shelf) = place(importer), place(imported)
            if there in inside and there != here and here not in CHOOSERS and shelf not in DOORS:
                broken.append(f"{importer} -> {imported}")
    assert broken == []
