"""Which command of a RUN failed: by the shell's rules, its trace and messages, the output, the exit code."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logparse.diagnosis import default_rules, diagnose
from logparse.diagnosis.command import choose, failed_command, shown_command
from logparse.diagnosis.command.choose import MEASURED, confidence
from logparse.diagnosis.command.instruction import Instruction, read_instruction
from logparse.diagnosis.command.tools import load_tools
from logparse.diagnosis.pattern import flaw
from logparse.diagnosis.rules import Where
from logparse.fetch import read_logs
from logparse.model import Build, Evidence, FailedCommand, Step
from logparse.parser import parse
from logparse.secrets import mask
from tests.fixtures_path import FIXTURES


def built(
    command: str,
    output: str = "",
    code: int = 1,
    *,
    shell: str = "/bin/sh -c",
    before: str = "",
) -> Build:
    """A build of the classic builder that failed at a RUN."""
    said = f"{shell} {command}"
    log = (
        f"Step 1/2 : FROM alpine\n ---> 0123456789ab\n{before}Step 2/2 : RUN {command}\n"
        f" ---> Running in 0123456789ab\n{output}\nThe command '{said}' returned a non-zero code: {code}\n"
    )
    (build,) = parse(log.encode("utf-8", "replace"))
    return build


def failed(command: str, output: str = "", code: int = 1, *, shell: str = "/bin/sh -c") -> FailedCommand:
    """The command that failed in such a build, by its diagnosis."""
    build = built(command, output, code, shell=shell)
    found = diagnose(build).command
    assert found is not None
    assert build.failing_step is not None
    if found.start is not None:
        assert build.failing_step.text[found.start : found.end] == found.text
    return found


class TestOnly:
    def test_a_command_alone_is_the_one(self) -> None:
        found = failed("make -j4", "make: *** [all] Error 2", 2)
        assert found == FailedCommand(
            text="make -j4",
            start=4,
            end=12,
            index=0,
            count=1,
            tool="make",
            evidence=Evidence.ONLY,
            confidence=confidence(Evidence.ONLY),
        )

    def test_the_last_behind_semicolons_is_the_one(self) -> None:
        found = failed("./configure; make; make install", "make: *** No targets.  Stop.", 2)
        assert (found.text, found.index, found.count) == ("make install", 2, 3)
        assert (found.evidence, found.others) == (Evidence.ONLY, ())

    def test_the_last_of_a_pipe_is_the_one(self) -> None:
        assert (
            failed("curl -L https://a.example/x | tar xz", "gzip: stdin: not in gzip format", 2).text
            == "tar xz"
        )

    def test_with_pipefail_it_may_be_the_first(self) -> None:
        output = "curl: (22) The requested URL returned error: 404\ngzip: stdin: unexpected end of file"
        found = failed("curl -f https://a.example/x | tar xz", output, 22, shell="/bin/bash -o pipefail -c")
        assert (found.text, found.evidence) == ("curl -f https://a.example/x", Evidence.EXIT_CODE)

    def test_what_an_exit_guards_is_the_one(self) -> None:
        found = failed('test -n "$VERSION" || { echo "no version" >&2; exit 1; }', "no version", 1)
        assert (found.text, found.evidence) == ('test -n "$VERSION"', Evidence.ONLY)

    def test_an_exit_by_its_number(self) -> None:
        found = failed('if [ "$A" = b ]; then exit 4; fi; make || exit 5; make test', "", 4)
        assert (found.text, found.evidence) == ("exit 4", Evidence.EXIT_CODE)

    def test_the_exec_form_is_one_command(self) -> None:
        found = failed('["pip", "install", "x && y"]', "", 1)
        assert (found.text, found.tool, found.evidence) == (
            '["pip", "install", "x && y"]',
            "pip",
            Evidence.ONLY,
        )

    def test_the_exec_form_of_a_shell_is_a_script(self) -> None:
        found = failed('["/bin/bash", "-c", "cd \\"/a b\\" && make; make test"]', "", 2)
        assert (found.text, found.index, found.count) == ("make test", 2, 3)

    def test_flags_are_not_part_of_a_command(self) -> None:
        found = failed("--mount=type=cache,target=/root/.cache --network=none pip install x", "", 1)
        assert found.text == "pip install x"


class TestTrace:
    def test_the_last_that_was_traced_is_the_one(self) -> None:
        output = (
            "+ apt-get update\nReading package lists...\n+ pip install 'a b' --target=/x\nCollecting a\n"
            "+ ./build.sh /usr/local 3\nsomething odd"
        )
        found = failed(
            'set -ex; apt-get update; pip install "a b" --target=$T; ./build.sh $P 3; rm -r x', output
        )
        assert (found.text, found.evidence) == ("./build.sh $P 3", Evidence.TRACE)
        assert found.others == ("apt-get update", 'pip install "a b" --target=$T', "rm -r x")

    def test_equal_commands_are_told_by_how_many_were_traced(self) -> None:
        output = "+ make all\n+ cd b\n+ make all\nmake: *** [all] Error 1"
        found = failed("set -x && make all && cd b && make all && cd c && make all", output, 2)
        assert (found.index, found.evidence) == (3, Evidence.TRACE)

    def test_a_command_of_the_same_pipe_may_be_traced_last(self) -> None:
        output = "+ md5sum -c -\n+ echo 0 x\nx: FAILED"
        found = failed('set -e; set -x; echo "$SUM x" | md5sum -c -; ./next', output)
        assert (found.text, found.evidence) == ("md5sum -c -", Evidence.TRACE)

    def test_the_trace_of_another_script_is_none(self) -> None:
        found = failed("./a.sh && make", "+ echo ./a.sh\n+ ./a.sh\nmake: *** [x] Error 1", 2)
        assert (found.text, found.evidence) == ("make", Evidence.OUTPUT)


class TestMessagesOfTheShell:
    @pytest.mark.parametrize(
        ("message", "shell"),
        [
            ("/bin/sh: 1: pipenv: not found", "/bin/sh -c"),
            ("/bin/sh: pipenv: not found", "/bin/sh -c"),
            ("/bin/sh: line 1: pipenv: command not found", "/bin/sh -c"),
            ("/bin/bash: pipenv: command not found", "/bin/bash -eo pipefail -c"),
        ],
    )
    def test_a_program_that_is_missing_is_named(self, message: str, shell: str) -> None:
        found = failed("pip list && pipenv sync && ./run", f"a  1.0\n{message}", 127, shell=shell)
        assert (found.text, found.evidence) == ("pipenv sync", Evidence.SHELL)

    def test_what_should_run_a_program_may_be_missing(self) -> None:
        found = failed("echo x && sudo -E bash -c 'a && b'", "x\n/bin/sh: 1: sudo: not found", 127)
        assert found.text == "sudo -E bash -c 'a && b'"

    def test_a_folder_that_is_missing(self) -> None:
        for message in (
            "/bin/sh: 1: cd: can't cd to /srv",
            "/bin/sh: cd: line 0: can't cd to /srv: No such file or directory",
            "/bin/sh: line 1: cd: /srv: No such file or directory",
        ):
            assert failed("ls && cd /srv && ls", message, 2).text == "cd /srv"

    def test_of_two_that_a_message_may_be_about_the_one_it_names(self) -> None:
        found = failed("cd /opt && tar xf a && cd dradis && ls", "/bin/sh: 1: cd: can't cd to dradis", 2)
        assert (found.index, found.evidence) == (2, Evidence.SHELL)

    def test_a_file_that_cannot_be_written(self) -> None:
        found = failed(
            "echo a && echo b > /none/conf && ls",
            "a\n/bin/sh: 1: cannot create /none/conf: Directory nonexistent",
            2,
        )
        assert (found.text, found.evidence) == ("echo b > /none/conf", Evidence.SHELL)

    def test_a_variable_that_is_not_set(self) -> None:
        found = failed("set -u; ls; make ${TARGET}; ls", "/bin/sh: 1: TARGET: parameter not set", 2)
        assert (found.text, found.evidence) == ("make ${TARGET}", Evidence.SHELL)

    def test_another_shell_that_misses_a_program(self) -> None:
        output = "/bin/sh: 1: cmake: not found\nmake: *** [all] Error 127"
        assert failed("make && cmake .", output, 2).text == "make"

    def test_of_a_script_that_is_none_nothing_ran(self) -> None:
        output = "/bin/sh: 1: Syntax error: Unterminated quoted string"
        assert diagnose(built("a && b 'c", output, 2)).command is None


OUTPUTS = [
    ("apt-get update && apt-get install -y q", "Get:1 http://a.example x InRelease\nE: The repository 'http://a.example x Release' does not have a Release file.", 100, 0),
    ("apt-get update && apt-get install -y q", "Reading package lists...\nBuilding dependency tree...\nE: Unable to locate package q", 100, 1),
    ("apk add a && apk add b && apk del a", "OK: 5 MiB in 15 packages\nERROR: unsatisfiable constraints:\n  b (missing):\n    required by: world[b]", 1, 1),
    ("yum install -y a && rpm -i b.rpm", "Complete!\nerror: open of b.rpm failed: No such file or directory", 1, 1),
    ("pip install -U pip && pip install -r r.txt && ./x", "Collecting pip\nSuccessfully installed pip-20\nCollecting q\nERROR: No matching distribution found for q", 1, 1),
    ("npm install && npm run build", "added 5 packages in 1s\n> a@1.0.0 build /app\n> tsc\nnpm ERR! code ELIFECYCLE\nnpm ERR! Failed at the a@1.0.0 build script.", 1, 1),
    ("npm install && npm run build", "npm ERR! code E404\nnpm ERR! 404 Not Found - GET https://npm.example/q", 1, 0),
    ("yarn && yarn build", "yarn install v1.22.4\nDone in 0.09s.\nyarn run v1.22.4\nerror Command failed with exit code 1.", 1, 1),
    ("cmake .. && make && make install", "-- Configuring done\n-- Build files have been written to: /b\n[ 50%] Building C object a.o\na.c:1:1: error: x\nmake: *** [all] Error 2", 2, 1),
    ("cmake .. && make", "CMake Error at CMakeLists.txt:2 (cmake_minimum_required):\n-- Configuring incomplete, errors occurred!", 1, 0),
    ("./configure && make", "checking for gcc... no\nconfigure: error: no acceptable C compiler found in $PATH", 1, 0),
    ("git clone https://a.example/x && cd x && cargo build", "Cloning into 'x'...\n   Compiling y v0.1.0\nerror: could not compile `y`", 101, 2),
    ("git clone https://a.example/x && cd x", "Cloning into 'x'...\nfatal: repository 'https://a.example/x/' not found", 128, 0),
    ("go mod download && go build ./...", "go: downloading a.example/b v1.0.0\n# c\n./main.go:4:2: undefined: x", 2, 1),
    ("mvn -q package && cp target/a.jar /", "[ERROR] COMPILATION ERROR :\n[INFO] BUILD FAILURE", 1, 0),
    ("./gradlew assemble && ls", "> Task :compileJava FAILED\nFAILURE: Build failed with an exception.\n* What went wrong:", 1, 0),
    ("wget https://a.example/x && tar xf x", "--2020-07-06 15:22:38--  https://a.example/x\nHTTP request sent, awaiting response... 404 Not Found\n2020-07-06 15:22:39 ERROR 404: Not Found.", 8, 0),
    ("wget https://a.example/x && wget https://a.example/y", "--2020-07-06 15:22:38--  https://a.example/x\n2020-07-06 15:22:39 (1 MB/s) - 'x' saved [5/5]\n--2020-07-06 15:22:39--  https://a.example/y\n2020-07-06 15:22:40 ERROR 404: Not Found.", 8, 1),
    ("curl -O https://a.example/x && tar xf x", "  % Total    % Received % Xferd\ntar: invalid magic\ntar: short read", 1, 1),
    ("gem install bundler && bundle install", "1 gem installed\nYour Ruby version is 2.3.0, but your Gemfile specified 2.5.0", 18, 1),
    ("composer install && php a.php", "Loading composer repositories\nYour requirements could not be resolved to an installable set of packages.", 2, 0),
    ("conda env create -f e.yml && conda clean -a", "Solving environment: ...working... failed\nResolvePackageNotFound:\n  - q==1", 1, 0),
    ("mkdir a && cp b a && chmod +x a/b", "cp: cannot stat 'b': No such file or directory", 1, 1),
    ("dpkg -i a.deb && useradd x && ./start", "useradd: user 'x' already exists", 9, 1),
    ("apt-get install -y a && ./install.sh && rm -r /b", "Building dependency tree...\nSetting up a (1) ...\nno licence was found", 1, 1),
    ("mkdir /a && python3 -m pip install x && ls", "Collecting x\nERROR: No matching distribution found for x", 1, 1),
]  # fmt: skip


class TestOutput:
    @pytest.mark.parametrize(("command", "output", "code", "index"), OUTPUTS)
    def test_the_tool_that_was_heard_last_is_the_one(
        self, command: str, output: str, code: int, index: int
    ) -> None:
        assert failed(command, output, code).index == index

    def test_it_is_the_evidence(self) -> None:
        found = failed(*OUTPUTS[1][:3])
        assert (found.evidence, found.confidence) == (Evidence.OUTPUT, confidence(Evidence.OUTPUT))

    def test_of_equal_runs_the_one_that_was_begun_last(self) -> None:
        run = "Building dependency tree...\n"
        command = " && ".join(f"apt-get install {name}" for name in "abcd")
        assert failed(command, run * 3 + "Do you want to continue? [Y/n] Abort.", 1).index == 2

    def test_what_the_last_lines_name_tells_equal_tools_apart(self) -> None:
        command = "python fetch.py --all && python train.py && python check.py"
        output = 'Traceback (most recent call last):\n  File "train.py", line 3, in <module>\nKeyError: 7'
        assert failed(command, output).index == 1

    def test_where_nothing_tells_them_apart_it_is_a_guess(self) -> None:
        found = failed("./one.sh && ./two.sh", "no such luck")
        assert (found.index, found.evidence) == (0, Evidence.ORDER)
        assert found.confidence < 0.75
        assert found.others == ("./two.sh",)

    def test_what_would_have_complained_is_not_the_one(self) -> None:
        found = failed("mkdir -p /a && cd /a && ./odd-tool x && rm -r /b", "no such luck")
        assert (found.text, found.evidence) == ("./odd-tool x", Evidence.OUTPUT)


class TestExitCodes:
    def test_a_code_that_only_one_program_leaves_with(self) -> None:
        found = failed("echo deb http://a.example/ > /etc/apt/sources.list && apt-get -qq update", "", 100)
        assert (found.text, found.evidence) == ("apt-get -qq update", Evidence.EXIT_CODE)

    @pytest.mark.parametrize(
        ("command", "code", "index", "meaning"),
        [
            ("mkdir -p /a && wget -q https://a.example/x", 4, 1, "The network failed: no such host, no connection, or it was lost."),
            ("mkdir -p /a && wget -q https://a.example/x", 8, 1, "The server answered with an error."),
            ("mkdir -p /a && curl -sf https://a.example/x", 22, 1, "The server answered with an HTTP status of 400 or above, and -f was given."),
            ("curl -s https://a.example/x", 6, 0, "The host's name could not be resolved."),
            ("make > log && cat log | grep -q passed", 1, 2, "No line matches."),
            ("apk add a && test -f /b", 1, 1, "The condition does not hold."),
            ("[ -d /b ] && make", 1, 0, "The condition does not hold."),
            ("sha256sum -c sums", 1, 0, "A file's checksum is not the one that was expected, or the file is missing."),
            ("git fetch -q", 128, 0, "git could not go on: no such repository or commit, no access, or no connection."),
            ("make", 2, 0, None),
        ],
    )  # fmt: skip
    def test_what_a_code_says_of_a_silent_program(
        self, command: str, code: int, index: int, meaning: str | None
    ) -> None:
        found = failed(command, "", code)
        assert (found.index, found.meaning) == (index, meaning)

    def test_a_signal_ends_any_program(self) -> None:
        found = failed("git clone https://a.example/x && cd x && make", "Cloning into 'x'...", 137)
        assert (found.index, found.evidence) == (0, Evidence.OUTPUT)


def test_it_agrees_with_the_rules_for_silent_failures() -> None:
    """Where a rule explains a failure by a command and its exit code, that command is the one."""
    checked = set()
    for rule in default_rules().rules:
        if rule.where is not Where.COMMAND or not rule.id.startswith("silent."):
            continue
        for sample in rule.samples:
            for code in sorted(rule.exits):
                found = diagnose(built(sample.removeprefix("RUN "), "", code)).command
                assert found is not None, (rule.id, sample, code)
                if found.tool is not None and found.count > 1:
                    assert any(anchor.strip() in found.text for anchor in rule.anchors), (
                        rule.id,
                        sample,
                        code,
                    )
                    checked.add(rule.id)
    assert checked >= {"silent.curl", "silent.guard", "silent.test", "silent.wget-quiet"}


class TestScripts:
    """What stands around a script in a log."""

    def test_the_shell_of_the_stage_holds_where_the_builder_prints_none(self) -> None:
        log = (
            'STEP 1/3: FROM alpine\nSTEP 2/3: SHELL ["/bin/bash", "-o", "pipefail", "-c"]\n--> 0123456789ab\n'
            "STEP 3/3: RUN curl -f https://a.example/x | tar xz\ncurl: (22) The requested URL returned error: 404\n"
            'Error: building at STEP "RUN curl -f https://a.example/x | tar xz": while running runtime: exit status 22\n'
        )  # fmt: skip
        (build,) = parse(log.encode())
        found = failed_command(build)
        assert found is not None
        assert found.text == "curl -f https://a.example/x"

    def test_a_shell_that_is_none(self) -> None:
        assert failed_command(built("a; b", "", 1, shell="powershell -Command")) is None
        assert failed_command(built("a; b", "", 1, shell="/usr/bin/python3 -c")) is None

    def test_a_shell_that_did_not_start(self) -> None:
        output = 'standard_init_linux.go:190: exec user process caused "exec format error"'
        assert failed_command(built("a && b", output, 1)) is None

    def test_build_arguments_before_the_shell(self) -> None:
        found = failed("a; b", "", 1, shell="|2 A=1 B=x y /bin/bash -e -c")
        assert found.others == ("a",) or found.text == "a"

    def test_backslashes_that_buildkit_leaves_out(self) -> None:
        script = r'sed -i "s/\"a\" && b/c/" f && ./check'
        log = (
            f"#5 [2/2] RUN {script.replace(chr(92), '')}\n#5 0.1 no luck\n"
            f"#5 ERROR: process {json.dumps('/bin/sh -c ' + script)} did not complete successfully: exit code: 7\n"
            "------\n > [2/2] RUN x:\n------\n"
            f"ERROR: failed to solve: process {json.dumps('/bin/sh -c ' + script)} did not complete successfully: exit code: 7\n"
        )
        (build,) = parse(log.encode())
        found = failed_command(build)
        assert found is not None
        assert (found.text, found.count) == ("./check", 2)

    def test_variables_that_buildkit_fills_in(self) -> None:
        log = (
            '#5 [2/2] RUN if [ "" = "yes" ]; then ./a 1.0; else ./b 1.0; fi\n#5 0.1 no luck\n'
            '#5 ERROR: process "/bin/sh -c if [ \\"$FULL\\" = \\"yes\\" ]; then ./a $V; else ./b $V; fi" did not complete successfully: exit code: 1\n'
            'ERROR: failed to solve: process "/bin/sh -c if [ \\"$FULL\\" = \\"yes\\" ]; then ./a $V; else ./b $V; fi" did not complete successfully: exit code: 1\n'
        )
        (build,) = parse(log.encode())
        found = failed_command(build)
        assert found is not None
        assert (found.text, found.evidence) == ("./b 1.0", Evidence.ONLY)

    def test_a_step_that_runs_nothing_has_no_command(self) -> None:
        (build,) = parse(b"Step 1/1 : COPY a b\nCOPY failed: file not found in build context: a\n")
        assert diagnose(build).command is None
        (build,) = parse(b"Step 1/1 : RUN true\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n")
        assert diagnose(build).command is None


# By the scenarios' Dockerfiles: the command that ends the step.
RECORDED = {
    "checks_failure": "exit 9",
    "clipped": "exit 5",
    "command_not_found": "npm install --production",
    "fail_run": "exit 3",
    "heredoc_failure": "exit 7",
    "killed": "wait $!",
    "multi_platform_failure": "exit 4",
    "multiline": "cd /srv/models",
    "odd_failure": "exit 6",
    "silent": "false",
}


def recordings() -> list[Path]:
    """Recordings of builds that failed at a RUN, of every builder and display."""
    folders = [FIXTURES / "builders" / name for name in RECORDED]
    made = (FIXTURES / "made" / "kaniko" / f"{name}.log" for name in RECORDED)
    found = [path for folder in folders for path in folder.iterdir() if path.name != "truth.json"]
    return sorted([*found, *(path for path in made if path.exists())])


@pytest.mark.parametrize("path", recordings(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_builder_is_read(path: Path) -> None:
    name = path.stem if path.parent.name == "kaniko" else path.parent.name
    builds = [build for log in read_logs(path) for build in parse(log)]
    failing = [build for build in builds if build.failing_step is not None and build.exit_code is not None]
    assert failing or name in {"checks_failure", "heredoc_failure", "killed"}
    for build in failing:
        found = diagnose(build).command
        assert found is not None
        assert found.text == RECORDED[name]


class TestSecrets:
    def test_they_are_masked_where_a_command_is_shown(self) -> None:
        command = "curl -u me:hunter2hunter2 https://a.example/x && wget --password=hunter3 https://a.example/y && ls"
        build = built(command, "curl: (6) Could not resolve host: a.example", 6)
        found, step = diagnose(build).command, build.failing_step
        assert found is not None
        assert step is not None
        assert "hunter2" in found.text
        shown = shown_command(found, step)
        assert shown.text == "curl -u *** https://a.example/x"
        assert shown.others == ("wget --password=*** https://a.example/y", "ls")

    def test_a_secret_by_what_stands_before_it_elsewhere_is_none_less(self) -> None:
        build = built('PASSWORD="a && ./b hunter2" && ./c', "", 1)
        step = build.failing_step
        assert step is not None
        found = FailedCommand("./b hunter2", 18, 29, 0, 1, "b", Evidence.ONLY, 1.0)
        shown = shown_command(found, step)
        assert (shown.text, shown.start, shown.end) == ("***", None, None)

    def test_the_place_is_the_one_in_the_masked_text(self) -> None:
        build = built("curl -u me:hunter2hunter2 https://a.example && ./b && ./c", "./b: not right", 3)
        found, step = diagnose(build).command, build.failing_step
        assert found is not None
        assert step is not None
        assert (found.text, step.text[found.start : found.end]) == ("./b", "./b")
        shown = shown_command(found, step)
        assert mask(step.text)[shown.start : shown.end] == "./b"

    def test_control_sequences_are_taken_out(self) -> None:
        build = built("./first && ./second", "", 1)
        step = build.failing_step
        assert step is not None
        found = FailedCommand(
            "./b \x1b[2J\x9b31m\u202ex\ny",
            None,
            None,
            0,
            2,
            "b\x1b[1m",
            Evidence.ONLY,
            1.0,
            None,
            ("\x1b]0;x\x07c",),
        )
        shown = shown_command(found, step)
        assert (shown.text, shown.tool, shown.others) == ("./b x\ny", "b", ("c",))


TOOLS = {tool.name: tool for tools in load_tools().values() for tool in tools}


class TestWhenAskedFor:
    """A diagnosis finds its command when it is first asked for it."""

    def test_the_instruction_is_read_then_and_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read = []

        def reading(build: Build, step: Step) -> Instruction | None:
            read.append(step.text)
            return read_instruction(build, step)

        monkeypatch.setattr(choose, "read_instruction", reading)
        diagnosis = diagnose(built("make -j4", "make: *** [all] Error 2", 2))
        assert read == []
        assert diagnosis.command is not None
        assert diagnosis.command.text == "make -j4"
        assert diagnosis.command is not None
        assert read == ["RUN make -j4"]

    def test_a_diagnosis_from_another_process_still_finds_it(self) -> None:
        diagnosis = pickle.loads(pickle.dumps(diagnose(built("a && make", "make: *** [all] Error 2", 2))))
        assert diagnosis.command.text == "make"

    def test_a_build_that_did_not_fail_has_none(self) -> None:
        (build,) = parse("Step 1/1 : FROM a\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n")
        assert diagnose(build).command is None


@pytest.mark.parametrize("name", sorted(TOOLS))
class TestTools:
    def test_its_patterns_are_bounded(self, name: str) -> None:
        tool = TOOLS[name]
        for pattern in (*tool.fails, *tool.works, *tool.own, tool.begins, tool.ends, tool.hushed, tool.quiet):
            assert not pattern or flaw(pattern) is None, pattern

    def test_its_patterns_do_not_wait_for_an_indentation(self, name: str) -> None:
        tool = TOOLS[name]
        for pattern in (*tool.fails, *tool.works, *tool.own):
            assert not pattern.startswith((" ", r"\s")), pattern

    def test_the_rules_that_it_names_are_there(self, name: str) -> None:
        for prefix in TOOLS[name].rules:
            assert any(rule.id.startswith(prefix) for rule in default_rules().rules), prefix

    def test_meanings_are_of_codes_that_it_leaves_with(self, name: str) -> None:
        tool = TOOLS[name]
        assert not tool.codes or set(tool.meanings) <= tool.codes

    def test_it_has_a_family_if_its_runs_are_counted(self, name: str) -> None:
        tool = TOOLS[name]
        assert bool(tool.family) == bool(tool.begins or tool.ends)


def test_confidence_is_the_measured_share() -> None:
    assert confidence(Evidence.ORDER) == round((44 + 1) / (63 + 2), 3)
    assert set(MEASURED) == set(Evidence)
    assert min(MEASURED, key=confidence) is Evidence.ORDER


PIECES = [
    "a", "make", "pip install x", "&&", "||", ";", "|", "$(", ")", "'", '"', "\\", "<<EOF", "set -x;", "exit 1", "$x",
    "bash -c ", "[", "]", "{", "}", "if ", "then ", "fi", "\u00e9", "\x00", "--mount=x ", "sudo ", "A=b ", "\t",
]  # fmt: skip
LINES = [
    "+ make", "++ a", "/bin/sh: 1: a: not found", "/bin/sh: ", "make: *** [x] Error 1", "E: x", "npm ERR! y", "\x1b[91m",
    "Successfully installed x", "Building dependency tree", "x" * 3000, "\u2028", "tar: y", "", "/bin/sh: 1: Syntax error: z",
]  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join),
    st.lists(st.sampled_from(LINES), max_size=12).map("\n".join),
    st.sampled_from([1, 2, 100, 126, 127, 137, 255]),
)
@settings(max_examples=200, deadline=None)
def test_any_step_can_be_asked(command: str, output: str, code: int) -> None:
    for build in parse(built_text(command, output, code)):
        step = build.failing_step
        found = failed_command(build, root="E: x", rule="apt.locate")
        if found is None or step is None:
            continue
        assert 0 <= found.index < found.count
        assert 0 < found.confidence <= 1
        if found.start is not None:
            assert step.text[found.start : found.end] == found.text
        assert read_instruction(build, step) is not None


def built_text(command: str, output: str, code: int) -> bytes:
    """A log of such a step, whatever it may be read as."""
    log = (
        f"Step 1/1 : RUN {command}\n ---> Running in 0123456789ab\n{output}\n"
        f"The command '/bin/sh -c {command}' returned a non-zero code: {code}\n"
    )
    return log.encode("utf-8", "replace")


@pytest.mark.parametrize(
    "command",
    [
        " && ".join(f"./a{n}" for n in range(3000)),
        " && ".join("apt-get install " + " ".join(f"p{n}_{m}" for m in range(100)) for n in range(30)),
        "set -x; " + " && ".join(f"$a{n} b c" for n in range(1500)),
        "a " + "x" * 1_000_000,
    ],
    ids=["chain", "arguments", "trace", "long"],
)
def test_a_step_of_any_size_is_answered_soon(command: str) -> None:
    output = "\n".join([f"+ q{n} z" for n in range(20_000)] + ["word " * 200] * 1000)
    build = built(command, output)
    started = time.perf_counter()
    assert failed_command(build) is not None
    assert time.perf_counter() - started < 10
