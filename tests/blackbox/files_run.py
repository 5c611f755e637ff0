# SPDX-License-Identifier: Apache-2.0
"""`files` of a topology: options that refer to them get absolute paths, wherever `gale run` was
started, from included files and -D too; a file that is not there is found before anything runs."""
import os
import subprocess

from common_run import DIR, GALE, check, check_lines, numbered_lines, ok, path

LINES = 1000
FAULTY = 78


def write(name, text):
    with open(path(name), "w", encoding="ascii") as file:
        file.write(text)


def gale(verb, *arguments):
    return subprocess.run([GALE, verb, path("t/main.yaml"), *arguments], cwd="/",
                          capture_output=True, text=True, timeout=60, check=False)


def run(name, *arguments):
    done = gale("run", "--state-dir", path("state"), "-D", f"out={path(name)}", *arguments)
    check(done.returncode == 0, f"exit code {done.returncode}: {done.stderr}")


def test_run():
    run("one")
    check_lines([path("one")], LINES)
    run("two", "--name", "two", "-D", "files.input=../few")
    with open(path("two"), encoding="ascii") as file:
        check(file.read() == "a\nb\n", "-D files.input was not taken")
    ok("options get the paths of files")


def test_missing():
    os.rename(path("t/lines"), path("elsewhere"))
    done = gale("validate", "-D", "out=x")
    check(done.returncode == FAULTY, f"exit code {done.returncode}: {done.stderr}{done.stdout}")
    text = done.stdout + done.stderr
    check("E107" in text and f"cannot open {os.path.realpath(DIR)}/t/lines" in text,
          f"no such error: {text}")
    os.rename(path("elsewhere"), path("t/lines"))
    ok("a missing file is found by validate, with its place")


def test_wrong():
    write("t/main.yaml", "name: f\nfiles: { input: lines }\n"
                         "spouts: { in: { type: file, path: \"${file.imput}\" } }\n")
    done = gale("validate")
    text = done.stdout + done.stderr
    check(done.returncode == FAULTY and "main.yaml:3:" in text and "E108" in text and
          'did you mean "input"' in text, f"no such error: {text}")
    ok("a misspelt reference is found, with a suggestion")


def main():
    os.mkdir(path("t"))
    os.mkdir(path("t/inc"))
    numbered_lines(path("t/lines"), LINES)
    write("few", "a\nb\n")
    write("t/inc/more.yaml", "files: { input: lines }\n")
    write("t/main.yaml", """
name: files
include: inc/more.yaml
spouts: { in: { type: file, path: "${file.input}" } }
bolts: { sink: { type: file, path: "${out}", format: raw, from: [ { in: shuffle } ] } }
""")
    test_run()
    test_missing()
    test_wrong()


main()
