"""Sizes of patches: lines, files, functions, by hand-counted patches."""

from curate.patches.stats import compute_patch_stats

OLD = b"""import os


def first():
    a = 1

    def inner():
        return a

    return inner


class C:
    def method(self):
        return 2
"""
PATCH = b"""diff --git a/m.py b/m.py
--- a/m.py
+++ b/m.py
@@ -5,4 +5,4 @@ def first():
     a = 1
{blank}
     def inner():
-        return a
+        return -a
@@ -13,3 +13,6 @@ class C:
 class C:
     def method(self):
         return 2
+
+    def other(self):
+        return 3
diff --git a/docs/x.rst b/docs/x.rst
--- a/docs/x.rst
+++ b/docs/x.rst
@@ -1 +1 @@
-a
+b
diff --git a/n.txt2 b/n.txt2
--- a/n.txt2
+++ b/n.txt2
@@ -1 +0,0 @@
-gone
\\ No newline at end of file
""".replace(b"{blank}", b" ")


def test_source_is_counted_and_documents_are_not() -> None:
    found = compute_patch_stats(PATCH, {"m.py": OLD}.get)
    assert (found.files, found.lines, found.hunks) == (2, 6, 3)


def test_the_innermost_function_and_new_ones_count() -> None:
    # `inner`; `method`, behind whose last line the new one comes; `other`
    assert compute_patch_stats(PATCH, {"m.py": OLD}.get).functions == 3
    assert compute_patch_stats(PATCH).functions is None


def test_changes_outside_of_functions_are_none() -> None:
    patch = (
        b"diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-import os\n+import re\n"
    )
    assert compute_patch_stats(patch, {"m.py": OLD}.get).functions == 0
    moved = patch.replace(b"-import os\n+import re", b"-def a():\n+async def a():")
    assert compute_patch_stats(moved, {"m.py": b"def a():\n"}.get).functions == 1


def test_a_patch_that_is_none() -> None:
    assert compute_patch_stats(b"gold").files == compute_patch_stats(b"").lines == 0
