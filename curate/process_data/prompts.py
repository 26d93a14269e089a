"""The words of the prompts; {names} are filled in. Changing them changes PROCESS_VERSION."""

_ISSUE = "The issue:\n<issue>\n{issue}\n</issue>\n"
_API = (
    "search_class(class_name), search_class_in_file(class_name, file_path),"
    " search_method(method_name), search_method_in_class(method_name, class_name),"
    " search_method_in_file(method_name, file_path), search_code(code),"
    " search_code_in_file(code, file_path)"
)

PROMPTS = {
    "files": "An issue was reported for a Python repository. Name the files that a fix changes, the"
    " most important first, {limit} at most.\n\nFiles of the repository:\n{tree}\n"
    + _ISSUE
    + '\nAnswer with JSON only: {{"files_to_modify": ["/path/of/file.py"]}}\n',
    "locations": "An issue was reported for a Python repository. Below are files of it without the"
    " bodies of their functions. Name the places that a fix changes, the most important first,"
    " {limit} at most: a method or function, a class, or up to {lines} lines of code that is in"
    " neither.\n\n" + _ISSUE + "\n{skeleton}\nAnswer with JSON only:\n"
    '{{"reason": "why these places", "bug_locations": ['
    '{{"file": "path", "class": "name", "method": "name"}}, {{"file": "path", "class": "name"}},'
    ' {{"file": "path", "code_snippets": "lines"}}]}}\n',
    "search": "An issue was reported for a Python repository. Say which code to read before it can"
    " be fixed, as calls of: " + _API + ".\n\n" + _ISSUE + "\nAnswer with JSON only:"
    ' {{"API_calls": ["search_class(\'name\')"], "bug_locations":'
    ' [{{"file": "path", "class": "name", "method": "name"}}]}}\n',
    "plan": "An issue was reported for a Python repository. Plan the fix: for each place the exact"
    " lines, what to do there, and why.\n\n"
    + _ISSUE
    + "\nThe code:\n{code}\nAnswer with JSON only:"
    ' {{"plan": [{{"file": "path", "place": "name", "lines": [1, 2], "solution": "what to do"}}],'
    ' "rationale": "why this fixes it"}}\n',
    "patch": "An issue was reported for a Python repository. Write the fix as numbered"
    " modifications. The original code must be in the file exactly once, character by character;"
    " an empty original creates a file.\n\n"
    + _ISSUE
    + "\nThe code:\n{code}\nThe form of a modification:\n# modification 1\n```python\n"
    "<file>path</file>\n<original>code as it is</original>\n"
    "<patched>code as it shall be</patched>\n"
    "```\n",
}
