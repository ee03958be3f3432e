"""What only adds to something that the project has made: a command to a group of commands, an argument to a parser.

Such a unit changes nothing but what it is added to, so it counts where that is reached, and nowhere else.
"""

from __future__ import annotations

import ast

from dbuild.recipes.mentions import Mention, chain_of
from dbuild.recipes.resolution import Modules, Outside, Part, resolve
from dbuild.recipes.units import Unit

_MAKERS = frozenset(
    """argparse.ArgumentParser click.Group click.group typer.Typer flask.Flask flask.Blueprint fastapi.FastAPI
    fastapi.APIRouter""".split()  # noqa: SIM905
)
_ADDING = frozenset(
    """command group callback result_callback add_command add_typer add_argument set_defaults route get post put patch
    delete include_router register_blueprint""".split()  # noqa: SIM905
)


class Collectors:
    """Answers for the modules of one project."""

    def __init__(self, modules: Modules) -> None:
        self._modules = modules
        self._known: dict[Unit, bool] = {}

    def adds(self, home: str, chain: tuple[str, ...]) -> tuple[Unit, ...]:
        """To what of the project a decorator or a call of this name in a module only adds; empty where it does more."""
        if len(chain) < 2 or chain[-1] not in _ADDING:
            return ()
        found = list(resolve(self._modules, home, Mention(chain[0], chain[1:-1], 0, False)))
        parts = [one for one in found if isinstance(one, Part) and not one.unit.alias]
        others = [one for one in found if not isinstance(one, Part)]
        if others or not all(self._is_collector(one.module, one.unit) for one in parts):
            return ()
        return tuple(one.unit for one in parts)

    def added_to(self, home: str, unit: Unit) -> tuple[Unit, ...]:
        """To what of the project a whole unit adds, by its decorators or as a call that stands for itself."""
        match unit.node:
            case ast.FunctionDef(decorator_list=decorators):
                given = [one.func if isinstance(one, ast.Call) else one for one in decorators]
            case ast.Expr(ast.Call(func=function)):
                given = [function]
            case _:
                return ()
        return tuple(found for one in given for found in self.adds(home, chain_of(one)))

    def _is_collector(self, home: str, unit: Unit) -> bool:
        if unit not in self._known:
            self._known[unit] = False  # as far as a circle is concerned
            self._known[unit] = self._is_made(home, unit.node)
        return self._known[unit]

    def _is_made(self, home: str, node: ast.stmt) -> bool:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            made: list[ast.expr] = [node.value] if isinstance(node.value, ast.Call) else []
        else:
            made = node.decorator_list if isinstance(node, ast.FunctionDef) else []
        chains = [chain_of(one.func if isinstance(one, ast.Call) else one) for one in made]
        return any(chain and (self._is_maker(home, chain) or self._is_group(home, chain)) for chain in chains)

    def _is_maker(self, home: str, chain: tuple[str, ...]) -> bool:
        found = resolve(self._modules, home, Mention(chain[0], chain[1:], 0, False))
        return any(isinstance(one, Outside) and one.name in _MAKERS for one in found)

    def _is_group(self, home: str, chain: tuple[str, ...]) -> bool:
        """Whether it is a group inside another one: `@cli.group()`."""
        return chain[-1] == "group" and bool(self.adds(home, chain))
