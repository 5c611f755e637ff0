#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that everything public is documented: each function (with every parameter and the
result), type of callback, struct member, enum value and macro of the public headers.
Usage: doc_coverage.py HEADER... | doc_coverage.py --self-test"""

import re
import sys

TOKEN = re.compile(
    r"(?P<doc>/\*\*.*?\*/)|(?P<comment>/\*.*?\*/|//[^\n]*)"
    r"|(?P<define>^[ \t]*\#[ \t]*define[ \t](?:\\\n|[^\n])*?(?=/\*|\n))"
    r"|(?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)"
    r"|(?P<extern>extern\s+\"C\"\s*\{)|(?P<punct>[{};,()])|(?P<space>\s+)|(?P<word>\w+|.)",
    re.S | re.M)


class Item:
    """One declaration: its text, where it stands, its documentation."""

    def __init__(self, kind, text, line, doc):
        self.kind, self.text, self.line, self.doc = kind, " ".join(text.split()), line, doc


def parse(source):
    """Yields the items of a header."""
    items, stack, text, parens = [], [], "", 0
    doc, start, last, line = None, 1, None, 1
    for match in TOKEN.finditer(source):
        kind, token = match.lastgroup, match.group()
        if kind == "doc" and token.startswith("/**<"):
            # Belongs to what ended just before, or to an enum value that still lacks its comma.
            if text.strip() and stack and stack[-1] == "enum":
                doc = token
            elif last is not None:
                last.doc = token
        elif kind == "doc":
            doc = token
        elif kind == "define":
            name = re.match(r"\s*#\s*define\s+(\w+)", token).group(1)
            if not name.endswith("_H"):
                if doc is None and last is not None and last.kind == "macro" and \
                        line - last.line <= 2:
                    doc = last.doc  # A block of macros shares the comment above it.
                last = Item("macro", name, line, doc)
                items.append(last)
            doc = None
        elif kind in ("punct", "word"):
            if not text.strip():
                start = line
            if token == "(":
                parens += 1
            elif token == ")":
                parens -= 1
            if token == "{" and parens == 0:
                head = " ".join(text.split())
                if stack and stack[-1] == "code" or ")" in head or "=" in head:
                    if not (stack and stack[-1] == "code"):
                        last = Item("function", head, start, doc)
                        items.append(last)
                        doc = None
                    stack.append("code")
                else:
                    stack.append("enum" if re.search(r"\benum\b", head) else "struct")
                    if head and not head.startswith(("union", "struct {")) and len(stack) == 1:
                        last = Item("type", head, start, doc)
                        items.append(last)
                    doc = None
                text = ""
            elif token == "}" and parens == 0:
                inside = stack.pop() if stack else None
                if inside == "enum" and text.strip():
                    last = Item("enum value", text, start, doc)
                    items.append(last)
                    doc = None
                text = "" if inside in ("code", None) else "}"
            elif token == ";" and parens == 0 or \
                    token == "," and parens == 0 and stack and stack[-1] == "enum":
                inside = stack[-1] if stack else None
                if inside in ("struct", "enum") or inside is None:
                    last = finish(items, inside, text, start, doc)
                    doc = None
                text = ""
            else:
                text += token
        elif kind == "space":
            text += " "
        line += token.count("\n")
    return items


def finish(items, inside, text, start, doc):
    """Appends the item that a ';' or ',' ended; returns it."""
    text = " ".join(text.split())
    if inside == "struct":
        kind = "member"
    elif inside == "enum":
        kind = "enum value"
    elif text.startswith("typedef"):
        kind = "typedef"
    elif "(" in text:
        kind = "function"
    else:
        return None  # A forward declaration, or the end of a type.
    item = Item(kind, text, start, doc)
    if text:
        items.append(item)
    return item


def parameters(text):
    """Names of a function's parameters."""
    text = re.sub(r"GALE_PRINTF\([^)]*\)", "", text)
    match = re.search(r"\((?!\s*\*)(.*)\)\s*$", text)
    if not match or match.group(1).strip() in ("", "void"):
        return []
    names = []
    for part in match.group(1).split(","):
        words = re.findall(r"\w+", re.sub(r"\[[^\]]*\]", "", part))
        if words:
            names.append(words[-1])
    return names


def judge(item):
    """Returns what the item's documentation lacks, or None."""
    doc = item.doc
    if doc is None:
        return f"{item.kind} without a comment: {item.text[:70]}"
    if len(re.findall(r"\w+", doc)) < 1:
        return f"{item.kind} with an empty comment: {item.text[:70]}"
    if item.kind != "function":
        return None
    described = " ".join(re.findall(r"@param\s+([\w,]+)", doc)).replace(",", " ").split()
    for name in parameters(item.text):
        if name not in described:
            return f"parameter {name} not described: {item.text[:70]}"
    head = item.text.split("(")[0]
    if not re.search(r"\bvoid\s+\w+\s*$", head) and "@return" not in doc \
            and not re.search(r"\bas gale_\w+|@copydoc", doc):
        return f"result not described: {item.text[:70]}"
    return None


def check(name, source):
    items = parse(source)
    errors = []
    for item in items:
        wrong = judge(item)
        if wrong:
            errors.append(f"{name}:{item.line}: {wrong}")
    return len(items), errors


GOOD = """/** Number. */
#define GALE_A 1
#ifdef __cplusplus
extern "C" {
#endif
/** Kind. */
enum gale_e { GALE_X = 0, /**< X. */ GALE_Y = 1 /**< Y. */ };
/** Thing. */
struct gale_s {
    int a; /**< A. */
    /** Called. */
    int (*call)(int a, void *b);
};
/** Does. @param a it. @return one. */
GALE_API int gale_f(int a);
/** Does inline. @param a,b them. */
static inline void gale_g(int a, int b) { if (a) { gale_f(b); } }
"""
BAD = [("/** Number. */", "", "GALE_A"), ("/**< X. */", "", "GALE_X"),
       ("/**< Y. */", "", "GALE_Y"), ("/**< A. */", "", "int a"),
       ("/** Called. */", "", "call"), ("@param a it.", "", "parameter a"),
       ("@return one.", "", "result"), ("@param a,b them.", "@param a it.", "parameter b"),
       ("/** Does. @param a it. @return one. */", "/* Does. */", "function without"),
       ("/** Thing. */", "", "gale_s")]


def self_test():
    count, errors = check("good", GOOD)
    if errors or count < 9:
        sys.exit(f"self-test: the good sample gave {count} items, {errors}")
    for old, new, wanted in BAD:
        errors = check("bad", GOOD.replace(old, new, 1))[1]
        if len(errors) != 1 or wanted not in errors[0]:
            sys.exit(f"self-test: without {old!r}: {errors}")
    print(f"{len(BAD)} faults found, the good sample passed")


def main():
    if sys.argv[1] == "--self-test":
        self_test()
        return
    total, errors = 0, []
    for name in sys.argv[1:]:
        with open(name, encoding="utf-8") as file:
            count, found = check(name, file.read())
        total += count
        errors += found
    for error in errors:
        print(error)
    if errors:
        sys.exit(f"{len(errors)} of {total} public items are not documented")
    print(f"{total} public items, all documented")


main()
