"""Follow a setup script up to its call of `setup`: its imports and calls."""

# ruff: noqa: D102, N802 (methods with the names of `ast.NodeVisitor`)

import ast
from typing import Any

from curate.builders.git.tree import FileTree
from curate.builders.requirements.setup_script.calls import CallArguments, get_called_name
from curate.builders.requirements.setup_script.library import ScriptLibrary
from curate.builders.requirements.setup_script.statements import (
    ENDS,
    ReturnError,
    StatementInterpreter,
)
from curate.builders.requirements.setup_script.values import (
    ROOT,
    BudgetExceededError,
    LibraryModule,
    Namespace,
    Scope,
    ScriptExit,
    ScriptFile,
    ScriptFunction,
    Unknown,
    merge_unknown,
)

_MAX_DEPTH = 20  # nested calls
_MODULE_STEPS = 20_000  # evaluated nodes of one imported module
_MAX_IMPORT_DEPTH = 2  # modules of the project that import others


class ScriptInterpreter(StatementInterpreter):
    """Follows a script as CPython 3.*minor* on Linux would, with no environment variables."""

    def __init__(self, tree: FileTree, minor: int) -> None:
        super().__init__(ScriptLibrary(tree, minor), Scope())
        self.setup_arguments: dict[str, Any] | None = None
        self._modules: dict[str, Any] = {}

    def run(self, module: ast.Module, *, is_forced: bool = False) -> None:
        """Follow *module*; ends early if the script does, or if it does too much.

        If it does not call `setup`, functions that do are followed, too. *is_forced*: the script
        does not end before its last statement, and if it still does not reach the call of `setup`,
        the arguments are evaluated where the call stands.
        """
        self.is_forced = is_forced
        steps = [self._execute_module, self._enter_functions]
        for step in [*steps, self._evaluate_setup_calls] if is_forced else steps:
            try:
                step(module)
            except ScriptExit:
                return
            except (*ENDS, RecursionError):
                pass
            if self.setup_arguments is not None:
                return

    def _execute_module(self, module: ast.Module) -> None:
        self.execute_all(module.body)

    def _evaluate_setup_calls(self, module: ast.Module) -> None:
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and get_called_name(node) == "setup":
                self.try_to_evaluate(node)

    def _enter_functions(self, module: ast.Module) -> None:
        """Follow the functions that call `setup`, which some condition has kept from being run."""
        for function in ast.walk(module):
            if isinstance(function, ast.FunctionDef) and any(
                isinstance(node, ast.Call) and get_called_name(node) == "setup"
                for node in ast.walk(function)
            ):
                self.execute_all(function.body)

    # -- imports -------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            self.scope.set(alias.asname or name, self._import_module(name))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = self._import_module(node.module or "")
        for alias in node.names:
            name = alias.asname or alias.name
            if alias.name == "*" and isinstance(module, Namespace):
                self.scope.names.update(module.names)
            elif isinstance(module, Namespace):
                self.scope.set(name, module.names.get(alias.name, Unknown((node,))))
            elif alias.name != "*":
                self.scope.set(name, self.library.get_attribute(module, alias.name))

    def _import_module(self, name: str) -> LibraryModule | Namespace:
        """Return the module *name* of the project if it has one; else that of the library."""
        if name not in self._modules:
            self._modules[name] = LibraryModule(name)  # also while it imports itself
            found = self._find_source(name)
            if found is not None and self.import_depth < _MAX_IMPORT_DEPTH:
                self._modules[name] = self._execute_source(*found)
        module: LibraryModule | Namespace = self._modules[name]
        return module

    def _find_source(self, name: str) -> tuple[str, str] | None:
        """Return path and text of a module of the project."""
        relative = name.replace(".", "/")
        for folder in self.library.search_path:
            for path in (f"{relative}.py", f"{relative}/__init__.py"):
                full = ROOT / str(folder) / path
                text = self.library.read_text(full) if relative else None
                if text is not None:
                    return str(full), text
        return None

    def _execute_source(
        self, path: str, text: str, names: dict[str, Any] | None = None
    ) -> Namespace:
        """Execute *text* with *names* as its variables; ends at the first thing that cannot be."""
        names = {} if names is None else names
        names.setdefault("__name__", "module")
        names.setdefault("__file__", path)
        outer, self.scope = self.scope, Scope(names)
        depth, self.depth = self.depth, 0
        limit, self.max_steps = self.max_steps, min(self.max_steps, self.steps + _MODULE_STEPS)
        self.import_depth += 1
        try:
            self.execute_all(ast.parse(text).body)
        except (*ENDS, SyntaxError, ValueError):
            pass
        finally:
            self.scope, self.depth, self.max_steps = outer, depth, limit
            self.import_depth -= 1
        return Namespace(names)

    # -- calls ---------------------------------------------------------------------------------

    def call_special(self, node: ast.Call, function: Any, arguments: CallArguments) -> Any:
        name = get_called_name(node)
        if name == "setup" and isinstance(function, Unknown | LibraryModule):
            self.setup_arguments = {**(self.setup_arguments or {}), **arguments.keywords}
            return Unknown((node,))
        if name in ("globals", "locals", "vars") and not arguments.values:
            return self.scope.names
        if name in ("exec", "execfile") and isinstance(node.func, ast.Name):
            return self._execute_code(name, arguments.positional)
        if name == "map" and len(arguments.positional) == 2:
            function, items = arguments.positional
            return self._map(node, function, items)
        if name == "filter" and len(arguments.positional) == 2:
            test, items = arguments.positional
            answers = items if test is None else self._map(node, test, items)
            if isinstance(answers, Unknown) or any(isinstance(each, Unknown) for each in answers):
                return merge_unknown([answers], node)
            return [item for item, answer in zip(items, answers, strict=True) if answer]
        return None

    def _execute_code(self, name: str, arguments: list[Any]) -> Any:
        source, names, *_ = [*arguments, self.scope.names]
        if isinstance(source, ScriptFile):
            source = source.text
        if name == "execfile":
            source = self.library.read_text(source)
        is_known = isinstance(source, str) and isinstance(names, dict)
        if is_known and self.import_depth < _MAX_IMPORT_DEPTH:
            self._execute_source(str(ROOT / "setup.py"), source, names)
        return Unknown()

    def _map(self, node: ast.Call, function: Any, items: Any) -> Any:
        if isinstance(items, Unknown) or isinstance(function, Unknown):
            return merge_unknown([function, items], node)
        if isinstance(function, ScriptFunction):
            return [self.call_function(function, CallArguments([item], {})) for item in items]
        return [function(item) for item in items]

    def call_function(self, function: ScriptFunction, arguments: CallArguments) -> Any:
        if self.depth >= _MAX_DEPTH:
            raise BudgetExceededError
        outer, self.scope = self.scope, Scope(parent=function.scope)
        self.depth += 1
        try:
            self._bind(function, arguments)
            if isinstance(function.node, ast.Lambda):
                return self.evaluate(function.node.body)
            self.execute_all(function.node.body)
        except ReturnError as result:
            return result.value
        finally:
            self.scope = outer
            self.depth -= 1
        return None

    def _bind(self, function: ScriptFunction, arguments: CallArguments) -> None:
        """Bind *arguments* to the parameters in the current scope; missing ones are unknown."""
        parameters = function.node.args
        names = [each.arg for each in (*parameters.posonlyargs, *parameters.args)]
        values = dict.fromkeys([*names, *(each.arg for each in parameters.kwonlyargs)], Unknown())
        bound: dict[str, Any] = {**values}
        defaults = zip(
            names[len(names) - len(parameters.defaults) :], parameters.defaults, strict=False
        )
        keyword_defaults = zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
        bound.update({name: self.evaluate(node) for name, node in defaults})
        bound.update({each.arg: self.evaluate(node) for each, node in keyword_defaults if node})
        bound.update(zip(names, arguments.positional, strict=False))
        extra = {k: v for k, v in arguments.keywords.items() if k not in bound}
        bound.update({k: v for k, v in arguments.keywords.items() if k in bound})
        if parameters.vararg:
            bound[parameters.vararg.arg] = tuple(arguments.positional[len(names) :])
        if parameters.kwarg:
            bound[parameters.kwarg.arg] = extra
        self.scope.names.update(bound)
