"""The examples: each is built as its README says, from images of this machine, and does what it is for."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import transcripts
from support.bake import Targets
from support.docker_images import Workshop, docker, printed, ran, size
from support.example_images import EXAMPLE, Examples

SCRIPTS = ["ci-script", "missing-library"]
SIZES = dict(re.findall(r"^\| \[([\w-]+)\]\(.*\| ([\d.]+) MB \|$", (EXAMPLE / "README.md").read_text(), re.MULTILINE))


def test_each_example_is_in_the_table_and_has_a_page_with_its_sizes() -> None:
    pages = {path.parent.name: path.read_text() for path in EXAMPLE.glob("*/README.md")}
    table = (EXAMPLE / "README.md").read_text()
    assert pages.keys() == {path.name for path in EXAMPLE.iterdir() if path.is_dir()}
    assert pages.keys() == set(re.findall(r"^\| \[([\w-]+)\]", table, re.MULTILINE))
    assert pages.keys() - SIZES.keys() == set(SCRIPTS)
    for name, after in SIZES.items():
        ((before,),) = [re.findall(rf"^\| \[{name}\].*\| ([\d.]+) MB \| {after} MB \|$", table, re.MULTILINE)]
        assert f"Before: {before} MB. After: {after} MB." in pages[name], name


@pytest.mark.needs("root", "chroot", "mount", "compiler", "ptrace", "busybox")
@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_without_docker_prints_what_it_shows(name: str, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / name, tmp_path / "here")
    steps = list(transcripts.steps((EXAMPLE / name / "README.md").read_text()))
    done = transcripts.run(steps, tmp_path / "here", tmp_path / "bin")
    assert [transcripts.as_promised(*both) for both in zip(steps, done, strict=False)] == steps


def built(name: str) -> pytest.MarkDecorator:
    """Mark a test that takes the image of an example."""
    needs = pytest.mark.needs("builder", "debootstrap", "docker", "root")
    return pytest.mark.parametrize("image", [pytest.param(name, marks=needs)], indirect=True)


@pytest.fixture(scope="module")
def examples(
    request: pytest.FixtureRequest, shop: Workshop, images: Targets, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Examples]:
    """The images of the examples, but of those alone that the tests of this run take."""
    tests = [test for test in request.session.items if test.path == request.path and isinstance(test, pytest.Function)]
    names = [str(test.callspec.params["image"]) for test in tests if "image" in test.fixturenames]
    examples = Examples(names, shop, images, tmp_path_factory.mktemp("examples"))
    yield examples
    examples.close()


@pytest.fixture
def image(request: pytest.FixtureRequest, examples: Examples) -> str:
    """The image of the example, which is as large as the table says."""
    image: str = examples[request.param]
    assert size(image) == pytest.approx(float(SIZES[request.param]), rel=0.1, abs=1)
    return image


@built("clang-format")
def test_clang_format(image: str) -> None:
    assert printed(image, stdin=b"int main(  ){ }") == "int main() {}"


@built("patchelf")
def test_patchelf(image: str) -> None:
    asked = printed(image, "/bin/patchelf", "--print-needed", "/lib/x86_64-linux-gnu/libm.so.6")
    assert asked.split()[0] == "libc.so.6"


@built("jq")
def test_jq(image: str) -> None:
    assert printed(image, ".answer", stdin=b'{"answer": 42}') == "42\n"


@built("curl")
def test_curl_trusts_an_authority_and_finds_a_host_by_its_name(
    image: str, shop: Workshop, images: Targets, examples: Examples
) -> None:
    here = examples.directory("curl")
    stage = shop.built(here, "--target", "build", MAGICPAK=images["debian"])
    server = shop.started(stage, "sleep", "600", options=["--network=none"])
    for file in ("key", "authorities/own.crt"):
        assert docker("cp", str(here / file), f"{server}:/").code == 0
    serving = ["openssl", "s_server", "-accept", "4433", "-key", "/key", "-cert", "/own.crt", "-www"]
    assert docker("exec", "--detach", server, *serving).code == 0
    command = ["--silent", "--fail", "--retry", "10", "--retry-connrefused", "https://localhost:4433/"]
    assert "s_server" in printed(image, *command, options=[f"--network=container:{server}"])


@built("nginx")
def test_nginx_serves_a_page_as_a_user_that_is_not_root(image: str, shop: Workshop, images: Targets) -> None:
    server = shop.started(image, options=["--network=none"])
    asking = "for i in 1 2 3 4 5 6 7 8 9; do busybox wget -q -O - http://localhost:8080/ && break; sleep 1; done"
    page = printed(images["debian"], "sh", "-c", asking, options=[f"--network=container:{server}"])
    users = {line.split()[1] for line in docker("top", server, "-o", "pid,uid").stdout.splitlines()[1:]}
    assert page == "<h1>It is served</h1>\n"
    assert users == {"65534"}


@built("python")
def test_python_with_extensions_in_c(image: str) -> None:
    feed = b"<feed><entry><day>2025-01-01</day><title>Another</title></entry></feed>"
    assert printed(image, stdin=feed) == '[["2025-01-01", "Another"]]\n'


@built("node")
def test_node(image: str) -> None:
    assert printed(image, "bundle") == "Hello, bundle! 1e6e\n"


@built("script")
def test_a_script_with_the_tools_that_it_calls(image: str) -> None:
    assert printed(image, stdin=b"a b, a c; a b\n") == "3 a\n2 b\n1 c\n"


@built("flask")
def test_a_flask_application_answers_as_a_user_that_is_not_root(image: str, shop: Workshop, images: Targets) -> None:
    server = shop.started(image, options=["--network=none"])
    wget = "busybox wget -q -O - http://localhost:8000/"
    asking = f"for i in 1 2 3 4 5 6 7 8 9; do {wget}?name=you && break; sleep 1; done; {wget}words --post-data 'a b a'"
    page = printed(images["debian"], "sh", "-c", asking, options=[f"--network=container:{server}"])
    assert page == '<h1>Hello, you!</h1>{"a":2,"b":1}\n'


@built("perl")
def test_a_perl_script_with_modules_that_load_others(image: str) -> None:
    assert printed(image, stdin=b"b,a\n2,x\n") == '[{"a":"x","b":"2"}]\n'


@built("several")
def test_several_executables_on_a_base_image_with_links_into_usr(image: str) -> None:
    assert printed(image, "jq", "-r", ".", "/lib/of-the-base") == "kept\n"
    assert printed(image, "sqlite3", ":memory:", "select 6 * 7") == "42\n"
    assert printed(image, "xz", "--version").startswith("xz (XZ Utils)")


@built("merge")
def test_two_bundles_in_one_image(image: str) -> None:
    assert printed(image, "jq", "-r", ".answer", stdin=b'{"answer": "one"}') == "one\n"
    assert printed(image, "sqlite3", ":memory:", "select 6 * 7") == "42\n"


@built("onto-distroless")
def test_a_bundle_on_a_base_image_like_distroless(image: str) -> None:
    assert printed(image, ".answer", stdin=b'{"answer": 42}') == "42\n"
    assert ran(image, options=["--entrypoint", "/bin/sh"]).code == 127


@built("rust")
def test_rust_in_several_stages(image: str) -> None:
    assert printed(image, "1", "2", "39") == "42\n"
    assert ran(image, "one").code == 1
