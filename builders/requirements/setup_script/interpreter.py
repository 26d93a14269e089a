"""Follow the statements of a setup script up to its call of `setup`."""

# ruff: noqa: D102, N802 (methods with the names of `ast.NodeVisitor`)

import ast
from collections.abc import Iterable
from typing import Any

from curate.builders.git.tree import FileTree
from curate.builders.requirements.setup_script.expressions import (
    CallArguments,
    ExpressionEvaluator,
    get_called_name,
)
from curate.builders.requirements.setup_script.library import ScriptLibrary
from curate.builders.requirements.setup_script.values import (
    ROOT,
    BudgetExceededError,
    LibraryModule,
    Namespace,
    Scope,
    ScriptError,
    ScriptExit,
    ScriptFile,
    ScriptFunction,
    Unknown,
    merge_unknown,
)

_MAX_DEPTH = 20  # nested calls
_MODULE_STEPS = 20_000  # evaluated nodes of one imported module
_MAX_IMPORT_DEPTH = 2  # modules of the project that import others


class ScriptInterpreter(ExpressionEvaluator):
    """Follows a script as CPython 3.*minor* on Linux would, with no environment variables.

    Of a condition that is unknown, the `else` branch is followed; `skipped` has such conditions if
    they guard what adds to a list or a mapping.
    """

    def __init__(self, tree: FileTree, minor: int) -> None:
        super().__init__(ScriptLibrary(tree, minor), Scope())
        self.setup_arguments: dict[str, Any] | None = None
        self.skipped: list[str] = []
        self._is_forced = False
        self._depth = 0
        self._import_depth = 0
        self._modules: dict[str, Any] = {}

    def run(self, module: ast.Module, *, is_forced: bool = False) -> None:
        """Follow *module*; ends early if the script does, or if it does too much.

        If it does not call `setup`, functions that do are followed, too. *is_forced*: the script
        does not end before its last statement, and if it still does not reach the call of `setup`,
        the arguments are evaluated where the call stands.
        """
        self._is_forced = is_forced
        steps = [self._execute_module, self._enter_functions]
        for step in [*steps, self._evaluate_setup_calls] if is_forced else steps:
            try:
                step(module)
            except ScriptExit:
                return
            except (*_ENDS, RecursionError):
                pass
            if self.setup_arguments is not None:
                return

    def _execute_module(self, module: ast.Module) -> None:
        self._execute_all(module.body)

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
                self._execute_all(function.body)

    # -- statements ----------------------------------------------------------------------------

    def _execute_all(self, body: Iterable[ast.stmt]) -> None:
        for statement in body:
            try:
                self.evaluate(statement)
            except ScriptError:
                if self._depth:
                    raise
                self._forget_targets(statement)  # the script may be right, and we not know enough
            except ScriptExit:
                if self._depth or not self._is_forced:
                    raise

    def _forget_targets(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    self.scope.set(target.id, Unknown((statement.value,)))

    def visit_Expr(self, node: ast.Expr) -> None:
        self.evaluate(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        value = self.evaluate(node.value)
        for target in node.targets:
            self.assign(target, value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        left, right = self.evaluate(node.target), self.evaluate(node.value)
        result = self.combine(node.value, node.op, left, right)
        if isinstance(left, list) and isinstance(result, list):
            left[:] = result  # other names of the list see the change
        else:
            self.assign(node.target, result)

    def visit_If(self, node: ast.If) -> None:
        answer = self.is_true(node.test)
        if answer is None and not self._import_depth and _changes_list(node.body):
            self.skipped.append(ast.unparse(node.test))
        self._execute_all(node.body if answer else node.orelse)

    def visit_For(self, node: ast.For) -> None:
        source = self.evaluate(node.iter)
        for item in [] if isinstance(source, Unknown) else list(source):
            self.assign(node.target, item)
            try:
                self._execute_all(node.body)
            except _LoopError as error:
                if error.is_break:
                    return
        self._execute_all(node.orelse)

    def visit_While(self, node: ast.While) -> None:
        while self.is_true(node.test):
            try:
                self._execute_all(node.body)
            except _LoopError as error:
                if error.is_break:
                    return

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            value = self.evaluate(item.context_expr)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
        self._execute_all(node.body)

    def visit_Try(self, node: ast.Try) -> None:
        if self._succeeds(node.body):
            self._execute_all(node.orelse)
        else:
            for handler in node.handlers[:1]:
                self._execute_all(handler.body)
        self._execute_all(node.finalbody)

    def _succeeds(self, body: Iterable[ast.stmt]) -> bool:
        """Follow the body of a `try`; whether it ends without an error."""
        self._depth += 1  # so that errors are raised
        try:
            self._execute_all(body)
        except ScriptError:
            return False
        finally:
            self._depth -= 1
        return True

    def visit_Raise(self, node: ast.Raise) -> None:
        if node.exc is not None:
            self.evaluate(node.exc)  # `raise SystemExit` without a call is no exit, but no matter
        raise ScriptError(ast.unparse(node)) if self._depth else ScriptExit

    def visit_Return(self, node: ast.Return) -> None:
        raise _ReturnError(None if node.value is None else self.evaluate(node.value))

    def visit_Break(self, _: ast.Break) -> None:
        raise _LoopError(is_break=True)

    def visit_Continue(self, _: ast.Continue) -> None:
        raise _LoopError(is_break=False)

    def visit_Global(self, node: ast.Global) -> None:
        self.scope.globals_declared.update(node.names)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.scope.set(node.name, ScriptFunction(node, self.scope))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.scope.set(node.name, Unknown((node,)))

    def visit_Delete(self, _: ast.Delete) -> None:
        """Nothing that matters is deleted."""

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
            if found is not None and self._import_depth < _MAX_IMPORT_DEPTH:
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
        depth, self._depth = self._depth, 0
        limit, self.max_steps = self.max_steps, min(self.max_steps, self.steps + _MODULE_STEPS)
        self._import_depth += 1
        try:
            self._execute_all(ast.parse(text).body)
        except (*_ENDS, SyntaxError, ValueError):
            pass
        finally:
            self.scope, self._depth, self.max_steps = outer, depth, limit
            self._import_depth -= 1
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
        if is_known and self._import_depth < _MAX_IMPORT_DEPTH:
            self._execute_source(str(ROOT / "setup.py"), source, names)
        return Unknown()

    def _map(self, node: ast.Call, function: Any, items: Any) -> Any:
        if isinstance(items, Unknown) or isinstance(function, Unknown):
            return merge_unknown([function, items], node)
        if isinstance(function, ScriptFunction):
            return [self.call_function(function, CallArguments([item], {})) for item in items]
        return [function(item) for item in items]

    def call_function(self, function: ScriptFunction, arguments: CallArguments) -> Any:
        if self._depth >= _MAX_DEPTH:
            raise BudgetExceededError
        outer, self.scope = self.scope, Scope(parent=function.scope)
        self._depth += 1
        try:
            self._bind(function, arguments)
            if isinstance(function.node, ast.Lambda):
                return self.evaluate(function.node.body)
            self._execute_all(function.node.body)
        except _ReturnError as result:
            return result.value
        finally:
            self.scope = outer
            self._depth -= 1
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


class _ReturnError(Exception):
    """A function returns *value*."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class _LoopError(Exception):
    """A loop ends, or goes on with its next item."""

    def __init__(self, *, is_break: bool) -> None:
        super().__init__()
        self.is_break = is_break


_ENDS = (ScriptExit, BudgetExceededError, _ReturnError, _LoopError)


def _changes_list(body: Iterable[ast.stmt]) -> bool:
    """Whether *body* adds something to a list or a mapping."""
    return any(
        isinstance(node, ast.AugAssign)
        or (
            isinstance(node, ast.Call)
            and get_called_name(node) in ("append", "extend", "update", "insert", "setdefault")
        )
        for statement in body
        for node in ast.walk(statement)
    )
