"""Diagnoses of small logs, one idea each, and of the recorded builds with their labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from logparse.diagnosis import diagnose, messages
from logparse.model import Diagnosis, Log, Outcome, Status
from logparse.parser import parse

FIXTURES = Path(__file__).parents[2] / "fixtures"


def failed(command: str, output: str, code: int = 1, *, glue: bool = False) -> Diagnosis:
    """The diagnosis of a build whose third line begins the output of a failing RUN."""
    joint = "" if glue else "\n"
    log = (
        f"Step 1/1 : RUN {command}\n ---> Running in 0123456789ab\n{output}{joint}"
        f"The command '/bin/sh -c {command}' returned a non-zero code: {code}\n"
    )
    (build,) = parse(log)
    return diagnose(build)


class TestRanking:
    def test_a_cause_beats_the_wrappers_behind_it(self) -> None:
        diagnosis = failed(
            "make",
            "main.c:3:10: fatal error: zlib.h: No such file or directory\ncompilation terminated.\n"
            "make[1]: *** [Makefile:7: main.o] Error 1\nmake: *** [Makefile:2: all] Error 2",
            2,
        )
        assert diagnosis.root_line is not None
        assert diagnosis.root_line.number == 3
        assert diagnosis.cause == "c.missing-header"
        assert diagnosis.subject["header"] == "zlib.h"
        assert diagnosis.remedy == "Install the development package that has zlib.h."

    def test_warnings_do_not_win(self) -> None:
        diagnosis = failed(
            "apt-get install -y nosuch",
            "E: Unable to locate package nosuch\n"
            "debconf: unable to initialize frontend: Dialog\n"
            "W: GPG error: http://deb.example x InRelease: NO_PUBKEY 0123456789ABCDEF",
            100,
        )
        assert diagnosis.cause == "apt.locate"
        assert diagnosis.subject == {"package": "nosuch"}

    def test_the_first_of_a_tools_complaints_is_shown(self) -> None:
        output = "\n".join(f"E: Unable to locate package p{i}" for i in range(5))
        diagnosis = failed("apt-get install p0 p1", output, 100)
        assert diagnosis.root_line == (3, "E: Unable to locate package p0")

    def test_the_last_exception_is_shown(self) -> None:
        diagnosis = failed(
            "python app.py",
            "Traceback (most recent call last):\n  File \"a.py\", line 1\nKeyError: 'a'\n\n"
            "During handling of the above exception, another exception occurred:\n\n"
            'Traceback (most recent call last):\n  File "b.py", line 2\nValueError: no b',
        )
        assert diagnosis.root_line is not None
        assert diagnosis.root_line.text == "ValueError: no b"
        assert diagnosis.cause == "python.traceback"

    def test_what_was_tolerated_far_above_loses(self) -> None:
        progress = "\n".join(f"working on part {i}" for i in range(400))
        diagnosis = failed(
            "./build.sh",
            f"cat: /etc/old.conf: No such file or directory\n{progress}\nE: Unable to locate package q",
        )
        assert diagnosis.cause == "apt.locate"

    def test_the_exit_code_decides_between_tools(self) -> None:
        output = "curl: (6) Could not resolve host: files.example\n/bin/sh: 1: unpack: not found"
        assert failed("a; unpack", output, 127).cause == "sh.command-not-found"

    def test_a_line_no_rule_knows_takes_the_cause_of_the_wrapper(self) -> None:
        diagnosis = failed(
            "pip install .",
            "    Error: could not determine the server's version\n    ----------------\n"
            "ERROR: Command errored out with exit status 1: python setup.py egg_info",
        )
        assert diagnosis.root_line is not None
        assert diagnosis.root_line.number == 3
        assert diagnosis.cause == "pip.sdist-build"

    def test_the_shells_trace_is_no_error_line(self) -> None:
        diagnosis = failed("set -x; run", "something gave way\n+ echo error: failed")
        assert diagnosis.root_line is not None
        assert diagnosis.root_line.text != "+ echo error: failed"

    def test_the_last_line_is_taken_for_want_of_a_better_one(self) -> None:
        diagnosis = failed("./check", "looking around\nthe moon is in the wrong house")
        assert diagnosis.root_line == (4, "the moon is in the wrong house")
        assert diagnosis.cause == "unknown"

    def test_a_last_line_that_says_all_is_well_is_no_reason(self) -> None:
        output = "case 3: expected 4, got 5\n" + "\n".join(f"case {i}: ok" for i in range(4, 40))
        diagnosis = failed("./check", output)
        assert diagnosis.root_line == (3, "case 3: expected 4, got 5")

    def test_the_announced_line_is_shown_whatever_it_looks_like(self) -> None:
        diagnosis = failed("npm ci", "npm error Could not resolve dependency:\nnpm error peer react@^18")
        assert diagnosis.root_line == (4, "npm error peer react@^18")
        assert diagnosis.cause == "npm.eresolve"

    def test_candidates_are_best_first_and_hold_the_root_line(self) -> None:
        diagnosis = failed("make", "x.c:1:1: error: no\nmake: *** [all] Error 1", 2)
        assert diagnosis.candidates[0].line == diagnosis.root_line
        confidences = [candidate.confidence for candidate in diagnosis.candidates]
        assert confidences == sorted(confidences, reverse=True)
        assert sum(confidences) <= 1


class TestComplaintsOfOneTool:
    """A tool that goes on after an error says more under other rules: the first is shown."""

    def test_of_apt(self) -> None:
        diagnosis = failed(
            "apt-get install a b c",
            "E: Unable to locate package a\nE: Package 'b' has no installation candidate\n"
            "E: Unable to locate package c\nE: Package 'd' has no installation candidate",
            100,
        )
        assert diagnosis.root_line == (3, "E: Unable to locate package a")

    def test_of_apt_the_other_way_round(self) -> None:
        diagnosis = failed(
            "apt-get install a b c",
            "E: Package 'b' has no installation candidate\nE: Unable to locate package a",
            100,
        )
        assert diagnosis.root_line == (3, "E: Package 'b' has no installation candidate")


class TestTolerated:
    """Errors behind which a step went on, as it was meant to."""

    PIP = "ERROR: No matching distribution found for speedups\n"
    END = "checking the models\nError: the moon is in the wrong house"

    @pytest.mark.parametrize("rest", ["|| true", "|| :", "|| echo no speedups"])
    def test_what_the_instruction_lets_fail_is_no_reason(self, rest: str) -> None:
        diagnosis = failed(f"pip install speedups {rest} && ./check", self.PIP + self.END)
        assert diagnosis.root_line == (5, "Error: the moon is in the wrong house")

    @pytest.mark.parametrize("rest", ["", "|| exit 3", "|| ./other"])
    def test_what_it_does_not_let_fail_is(self, rest: str) -> None:
        diagnosis = failed(f"pip install speedups {rest} && ./check", self.PIP + self.END)
        assert diagnosis.cause == "pip.no-version"

    def test_a_tool_that_is_called_elsewhere_too_may_have_failed_there(self) -> None:
        diagnosis = failed("pip install speedups || true; pip install other && ./check", self.PIP + self.END)
        assert diagnosis.cause == "pip.no-version"

    def test_an_index_that_a_later_run_of_apt_got_is_no_reason(self) -> None:
        diagnosis = failed(
            "for i in 1 2 3; do apt-get update && break; done; apt-get install -y curl && ./check",
            "E: Failed to fetch http://deb.example/debian/dists/x/InRelease  503  Service Unavailable\n"
            "E: Some index files failed to download. They have been ignored, or old ones used instead.\n"
            "Get:1 http://deb.example/debian x InRelease [116 kB]\nFetched 8693 kB in 2s (4346 kB/s)\n"
            "Setting up curl (7.88.1-10) ...\n" + self.END,
        )
        assert diagnosis.root_line == (9, "Error: the moon is in the wrong house")

    def test_a_download_that_came_when_it_was_tried_again_is_no_reason(self) -> None:
        diagnosis = failed(
            "wget https://files.example/a.tgz && ./check",
            "Connecting to files.example... failed: Connection refused.\nRetrying.\n"
            "HTTP request sent, awaiting response... 200 OK\n"
            "2024-01-02 03:04:05 (1.2 MB/s) - 'a.tgz' saved [1024/1024]\n" + self.END,
        )
        assert diagnosis.root_line == (8, "Error: the moon is in the wrong house")

    def test_what_failed_after_the_success_is_a_reason(self) -> None:
        diagnosis = failed(
            "apt-get install -y curl && apt-get install -y nosuch",
            "Setting up curl (7.88.1-10) ...\nE: Unable to locate package nosuch",
            100,
        )
        assert diagnosis.cause == "apt.locate"


class TestEcho:
    """What is repeated of the instruction is no message, whatever words are in it."""

    @pytest.mark.parametrize(
        "echo",
        [
            "+ echo E: Unable to locate package x",
            "+++ echo E: Unable to locate package x",
            "#7 [2/3] RUN echo E: Unable to locate package x",
            "#7 [builder 2/3] RUN echo E: Unable to locate package x",
            " > [2/3] RUN echo E: Unable to locate package x:",
            "   3 | >>> RUN echo E: Unable to locate package x",
            ">>> RUN echo E: Unable to locate package x",
            "Step 2/3 : RUN echo E: Unable to locate package x",
            "STEP 2/3: RUN echo E: Unable to locate package x",
            '  47 |   puts("E: Unable to locate package x");',
        ],
    )
    def test_in_an_output(self, echo: str) -> None:
        diagnosis = failed("docker build .", f"{echo}\nsomething gave way")
        assert diagnosis.root_line == (4, "something gave way")
        assert diagnosis.cause == "unknown"

    def test_in_all_places_of_buildkits(self) -> None:
        command = "echo E: Unable to locate package x; ERROR: No matching distribution found for y; ./run"
        log = (
            f"#5 [2/2] RUN {command}\n#5 0.251 something gave way\n"
            f'#5 ERROR: process "/bin/sh -c {command}" did not complete successfully: exit code: 1\n'
            f"------\n > [2/2] RUN {command}:\n0.251 something gave way\n------\n"
            f"Dockerfile:2\n--------------------\n   1 |     FROM x\n   2 | >>> RUN {command}\n   3 |     \n"
            "--------------------\n"
            f'ERROR: failed to solve: process "/bin/sh -c {command}" did not complete successfully: exit code: 1\n'
        )
        (build,) = parse(log)
        diagnosis = diagnose(build)
        assert diagnosis.root_line == (2, "something gave way")
        assert diagnosis.cause == "unknown"

    def test_in_closing_words_without_an_exit_code(self) -> None:
        command = "echo pull access denied for x; toomanyrequests"
        log = (
            f"#5 [2/2] RUN {command}\n#5 0.251 something gave way\n"
            f"#5 ERROR: executor failed running [/bin/sh -c {command}]: runc did not terminate sucessfully\n"
            f"------\n > [2/2] RUN {command}:\n------\n"
            f"executor failed running [/bin/sh -c {command}]: runc did not terminate sucessfully\n"
        )
        (build,) = parse(log)
        diagnosis = diagnose(build)
        assert diagnosis.root_line == (2, "something gave way")
        assert diagnosis.cause not in {"registry.no-such-repo", "registry.rate-limit"}


class TestBlocks:
    """Causes of several lines: the line that tells is the root line."""

    def test_what_went_wrong_in_gradle(self) -> None:
        diagnosis = failed(
            "./gradlew build",
            "FAILURE: Build failed with an exception.\n\n* What went wrong:\n"
            "Execution failed for task ':app:compileJava'.\n"
            "> Could not resolve all files for configuration ':app:compileClasspath'.\n"
            "   > Could not find com.acme:lib:1.2.3.\n     Searched in the following locations:\n"
            "       - https://maven.example/com/acme/lib/1.2.3/lib-1.2.3.pom\n\n* Try:\n"
            "> Run with --stacktrace option to get the stack trace.\n\nBUILD FAILED in 12s",
        )
        assert diagnosis.root_line == (8, "   > Could not find com.acme:lib:1.2.3.")
        assert diagnosis.cause == "gradle.deps"

    def test_the_compilers_line_above_what_went_wrong_in_gradle(self) -> None:
        diagnosis = failed(
            "./gradlew build",
            "> Task :compileJava FAILED\n/src/A.java:3: error: cannot find symbol\n    Foo x;\n    ^\n1 error\n\n"
            "FAILURE: Build failed with an exception.\n\n* What went wrong:\n"
            "Execution failed for task ':compileJava'.\n"
            "> Compilation failed; see the compiler error output for details.\n\n* Try:\n"
            "> Run with --info option to get more log output.\n\nBUILD FAILED in 4s",
        )
        assert diagnosis.root_line == (4, "/src/A.java:3: error: cannot find symbol")
        assert diagnosis.cause == "java.compile"

    def test_a_traceback_of_two_parts(self) -> None:
        diagnosis = failed(
            "python app.py",
            "Traceback (most recent call last):\n  File \"/app/a.py\", line 2, in f\nKeyError: 'KEY'\n\n"
            "The above exception was the direct cause of the following exception:\n\n"
            'Traceback (most recent call last):\n  File "/app/b.py", line 5, in g\n    raise ConfigError("no key")\n'
            "b.ConfigError: no key",
        )
        assert diagnosis.root_line == (12, "b.ConfigError: no key")

    def test_what_cmake_says_below_its_error(self) -> None:
        diagnosis = failed(
            "cmake .",
            "CMake Error at /usr/share/cmake-3.25/Modules/FindPackageHandleStandardArgs.cmake:230 (message):\n"
            "  Could NOT find OpenSSL, try to set the path to OpenSSL root folder in the\n"
            "  system variable OPENSSL_ROOT_DIR (missing: OPENSSL_CRYPTO_LIBRARY)\n"
            "Call Stack (most recent call first):\n  CMakeLists.txt:7 (find_package)\n\n\n"
            "-- Configuring incomplete, errors occurred!",
        )
        assert diagnosis.root_line is not None
        assert diagnosis.root_line.number == 4
        assert diagnosis.cause == "cmake.error"

    def test_the_package_that_configure_misses(self) -> None:
        diagnosis = failed(
            "./configure",
            "checking for gtk+-3.0 >= 3.10... no\n"
            "configure: error: Package requirements (gtk+-3.0 >= 3.10) were not met:\n\n"
            "No package 'gtk+-3.0' found\n\n"
            "Consider adjusting the PKG_CONFIG_PATH environment variable if you\n"
            "installed software in a non-standard prefix.",
        )
        assert diagnosis.root_line == (6, "No package 'gtk+-3.0' found")
        assert diagnosis.subject == {"package": "gtk+-3.0"}

    def test_the_compilers_line_above_cargos(self) -> None:
        diagnosis = failed(
            "cargo build",
            "error[E0425]: cannot find value `y` in this scope\n --> src/main.rs:3:20\n  |\n"
            '3 |     println!("{}", y);\n  |                    ^ not found in this scope\n\n'
            "For more information about this error, try `rustc --explain E0425`.\n"
            'error: could not compile `demo` (bin "demo") due to previous error',
            101,
        )
        assert diagnosis.root_line == (3, "error[E0425]: cannot find value `y` in this scope")

    def test_the_compilers_line_below_the_package_of_go(self) -> None:
        diagnosis = failed("go build ./...", "# acme.example/demo/pkg\npkg/a.go:7:2: undefined: Foo")
        assert diagnosis.root_line == (4, "pkg/a.go:7:2: undefined: Foo")
        assert diagnosis.cause == "go.compile"


class TestAdvice:
    def test_a_channel_that_answers_404_is_to_be_checked(self) -> None:
        line = "CondaHTTPError: HTTP 404 NOT FOUND for url <https://conda.example/x/repodata.json>"
        remedy = failed("conda install x", line).remedy
        assert remedy is not None
        assert "address" in remedy

    def test_an_r_package_that_is_not_available_is_to_be_had_elsewhere(self) -> None:
        remedy = failed(
            "Rscript i.R", "package \u2018foo\u2019 is not available for this version of R"
        ).remedy
        assert remedy is not None
        assert "a version of R or a repository that has it" in remedy


class TestGluedLines:
    def test_only_the_programs_part_is_the_text(self) -> None:
        diagnosis = failed("apt-get install x", "Do you want to continue? [Y/n] Abort.", glue=True)
        assert diagnosis.root_line == (3, "Do you want to continue? [Y/n] Abort.")
        assert diagnosis.cause == "apt.needs-yes"

    def test_escape_sequences_are_not_text(self) -> None:
        diagnosis = failed("pip3 -V", "\x1b[91m/bin/sh: 1: pip3: not found\n\x1b[0m", 127, glue=True)
        assert diagnosis.root_line == (3, "/bin/sh: 1: pip3: not found")
        assert diagnosis.subject == {"command": "pip3"}


class TestSilence:
    @pytest.mark.parametrize(
        ("command", "code", "cause"),
        [
            ("wget -q https://files.example/a.tgz", 8, "net.silent"),
            ("curl -fs https://files.example/a.tgz -o a.tgz", 22, "net.silent"),
            ('test -n "$GIT_COMMIT"', 1, "dockerfile.guard-arg"),
            ("grep -q ready status", 1, "sh.set-e-test"),
            ("exit 3", 3, "intentional.exit"),
            ("./train", 137, "exec.exit-137"),
            ("./train", 139, "exec.exit-139"),
            ("./train", 127, "exec.exit-127"),
        ],
    )
    def test_command_and_exit_code_speak(self, command: str, code: int, cause: str) -> None:
        diagnosis = failed(command, "", code, glue=True)
        assert diagnosis.cause == cause
        assert diagnosis.root_line is not None
        assert "returned a non-zero code" in diagnosis.root_line.text

    @pytest.mark.parametrize(
        ("command", "cause"),
        [
            ("if ! ./fits; then echo not here; exit 7; fi; make", "intentional.exit"),
            ("if ! ./fits; then echo not here; exit 8; fi; make", "unknown"),
            ("make || exit 7", "unknown"),
        ],
    )
    def test_an_exit_that_the_command_asks_for_is_meant(self, command: str, cause: str) -> None:
        diagnosis = failed(command, "not here", 7)
        assert diagnosis.root_line == (3, "not here")
        assert diagnosis.cause == cause

    def test_what_the_command_names_is_the_subject(self) -> None:
        diagnosis = failed("wget -q https://files.example/a.tgz", "", 4, glue=True)
        assert diagnosis.subject == {"url": "https://files.example/a.tgz"}
        assert diagnosis.remedy is not None
        assert "https://files.example/a.tgz" in diagnosis.remedy

    @pytest.mark.parametrize(
        "words", ["Service 'web' failed to build: ", "ERROR: Service 'web' failed to build : "]
    )
    def test_what_compose_writes_before_the_closing_words_is_none_of_the_programs(self, words: str) -> None:
        silent = failed("./a", words, glue=True).root_line
        assert silent is not None
        assert silent.number == 3
        assert silent.text.endswith("The command '/bin/sh -c ./a' returned a non-zero code: 1")
        assert failed("./a", "the moon is full\n" + words, glue=True).root_line == (3, "the moon is full")
        glued = failed("./a", "the moon is full" + words, glue=True).root_line
        assert glued is not None
        assert glued.text.startswith("the moon is full")

    def test_a_program_that_spoke_goes_first(self) -> None:
        diagnosis = failed("wget -q a && tar x", "tar: short read", 8)
        assert diagnosis.cause == "net.bad-archive"


class TestBuilder:
    @pytest.mark.parametrize(
        ("words", "cause"),
        [
            ("COPY failed: stat /var/lib/docker/tmp/docker-builder12/a.txt: no such file or directory", "dockerfile.copy-missing"),
            ("manifest for base:9 not found", "registry.manifest-unknown"),
            ("invalid reference format", "dockerfile.bad-ref"),
            ("toomanyrequests: You have reached your pull rate limit.", "registry.rate-limit"),
            ("failed to do a thing nobody has heard of", "unknown"),
        ],
    )  # fmt: skip
    def test_closing_words_are_the_root_line(self, words: str, cause: str) -> None:
        (build,) = parse(f"Step 1/1 : COPY a.txt /\n{words}\n")
        diagnosis = diagnose(build)
        assert diagnosis.root_line == (2, words)
        assert diagnosis.cause == cause


class TestWithoutWords:
    OUTPUT = "Step 1/2 : RUN make\n ---> Running in 0123456789ab\nx.c:1:1: error: no\n"

    def test_a_cut_log_of_a_failed_build_is_searched(self) -> None:
        (build,) = parse(Log(data=self.OUTPUT.encode(), status=Status.FAILED))
        assert diagnose(build).cause == "c.error"

    def test_a_log_without_a_builder_is_searched(self) -> None:
        text = b"Collecting numpy==99\nERROR: No matching distribution found for numpy==99\n"
        (build,) = parse(Log(data=text, status=Status.FAILED))
        diagnosis = diagnose(build)
        assert diagnosis.cause == "pip.no-version"
        assert diagnosis.step is None

    def test_a_log_that_says_success_explains_nothing(self) -> None:
        text = b"Step 1/1 : FROM x\n ---> 0123456789ab\nSuccessfully built 0123456789ab\n"
        (build,) = parse(Log(data=text, status=Status.FAILED))
        diagnosis = diagnose(build)
        assert diagnosis.root_line is None
        assert diagnosis.cause == "unknown"
        assert diagnosis.confidence < 0.1
        assert diagnosis.candidates == ()


class TestSuccess:
    def test_a_build_that_succeeded_has_no_cause_whatever_it_printed(self) -> None:
        text = (
            "Step 1/1 : RUN make\n ---> Running in 0123456789ab\nERROR: No matching distribution found for x\n"
            "Removing intermediate container 0123456789ab\n ---> ba9876543210\nSuccessfully built ba9876543210\n"
        )
        (build,) = parse(text)
        assert diagnose(build) == Diagnosis(build)
        assert diagnose(build).outcome is Outcome.SUCCEEDED

    def test_a_test_that_prints_what_compilers_and_builders_say_and_passes(self) -> None:
        text = (
            "Step 1/2 : RUN ./test-messages\n ---> Running in 0123456789ab\n"
            "x.c:1:1: error: no such thing\nE: Unable to locate package nosuch\nmake: *** [all] Error 2\n"
            "The command '/bin/sh -c make' returned a non-zero code: 2\n12 passed\n"
            "Removing intermediate container 0123456789ab\n ---> 111111111111\n"
            "Step 2/2 : CMD x\n ---> Running in ba9876543210\nRemoving intermediate container ba9876543210\n"
            " ---> 222222222222\nSuccessfully built 222222222222\n"
        )
        (build,) = parse(text)
        assert diagnose(build) == Diagnosis(build)
        assert {message.severity for message in messages(build)} == {"warning"}

    @pytest.mark.parametrize(
        "path",
        [
            # Lines as builders print them when they fail, printed by a program that does not.
            "builders/odd_output/buildah.log",
            "builders/odd_output/buildkit-20.10.plain.log",
            "builders/odd_output/buildkit-28.plain.log",
            "builders/odd_output/classic-20.10.log",
            "builders/odd_output/classic-28.log",
            "builders/odd_output/podman.log",
            # pip's ERROR, behind which it goes on.
            "cluster/acme/sentiment/logs/2f99db84-d295-5612-a4d0-1226b5cda599.log",
        ],
    )
    def test_a_recorded_build_that_looks_like_a_failure(self, path: str) -> None:
        data = (FIXTURES / path).read_bytes()
        assert b"ERROR: " in data
        (build,) = parse(data)
        assert diagnose(build) == Diagnosis(build)
        assert build.outcome is Outcome.SUCCEEDED


def labels() -> list[dict[str, object]]:
    path = FIXTURES / "labels.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


class TestRecordedBuilds:
    """Against what the developer who recorded the builds says of them."""

    def diagnosis(self, label: dict[str, object]) -> Diagnosis | None:
        data = (FIXTURES / str(label["path"])).read_bytes()
        for build in reversed(parse(data)):
            if build.outcome is Outcome.FAILED:
                return diagnose(build)
        return None

    def test_nearly_all_root_lines_and_causes_are_right(self) -> None:
        lines = causes = total = 0
        for label in labels():
            if label["outcome"] != "failed" or label["root_line"] is None:
                continue
            diagnosis = self.diagnosis(label)
            if diagnosis is None or diagnosis.root_line is None:
                continue
            total += 1
            lines += diagnosis.root_line.number in [label["root_line"], *label["accepted"]]  # type: ignore[misc]
            causes += diagnosis.cause in [label["cause"], *label.get("accepted_causes", ())]  # type: ignore[misc]
        assert total >= 50
        assert lines >= 0.95 * total
        assert causes >= 0.9 * total

    def test_no_build_that_succeeded_has_a_cause(self) -> None:
        for label in labels():
            if label["outcome"] != "succeeded":
                continue
            for build in parse((FIXTURES / str(label["path"])).read_bytes()):
                diagnosis = diagnose(build)
                assert (diagnosis.cause, diagnosis.root_line) == (None, None) or (
                    build.outcome is Outcome.FAILED
                )
