"""What the site adds to the pages: formulas as MathML, inline figures, and the pages of methods, records and examples."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
from pathlib import Path

from math_core import LatexToMathML
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
MATH = LatexToMathML()


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of the methods to the navigation, in the order of the registry, and the records."""
    listed = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    pages = list(dict.fromkeys(re.findall(r"\]\((methods/[\w-]+\.md)\)", listed)))
    for entry in config.nav:
        if "Methods" in entry:
            entry["Methods"] += [{Path(page).stem: page} for page in pages]
        if "Records" in entry:
            entry["Records"] += [f"record/{path.name}" for path in records()]
    return config


def records() -> list[Path]:
    return sorted((ROOT / "benches/record").glob("*.md"))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    lines = ["# Records", "", "Each record is a benchmark, with its date, its machine and its versions. Records are never changed later.", ""]
    for path in records():
        text = path.read_text(encoding="utf-8")
        files.append(File.generated(config, f"record/{path.name}", content=text))
        title = text.splitlines()[0].lstrip("# ")
        lines.append(f"- [{title}]({path.name})")
    for path in sorted((ROOT / "benches/record").glob("*.csv")):
        files.append(File.generated(config, f"record/{path.name}", content=path.read_text(encoding="utf-8")))
        lines.append(f"- [{path.name}]({path.name}), which grows with each run of `./x bench-peers` or `./x bench-instructions`")
    files.append(File.generated(config, "record/index.md", content="\n".join(lines) + "\n"))
    for path in sorted((ROOT / "examples").glob("*.py")):
        for name, content in example(path).items():
            files.append(File.generated(config, f"examples/{name}", content=content))
    return files


def example(path: Path) -> dict[str, str | bytes]:
    """Make a page of what a script printed and drew. It is cached until the script, the package or a version changes."""
    import jupytext
    import leanset
    from nbclient import NotebookClient
    from nbconvert import MarkdownExporter
    from traitlets.config import Config

    parts = [path, Path(leanset.__file__).with_name("_leanset.abi3.so"), ROOT / "docs/requirements.txt"]
    parts += sorted(Path(leanset.__file__).parent.glob("*.py")) + [Path(__file__)]
    light = os.environ.get("LEANSET_LIGHT", "")
    key = hashlib.sha256(light.encode() + b"".join(part.read_bytes() for part in parts)).hexdigest()[:16]
    kept = ROOT / "target/site-examples" / f"{path.stem}-{key}"
    if not kept.is_dir():
        notebook = jupytext.read(path)
        # Use sockets in files, not ports that others on the machine could reach.
        settings = Config({"KernelManager": {"transport": "ipc"}})
        place = {"metadata": {"path": str(ROOT)}}
        NotebookClient(notebook, kernel_name="python3", timeout=1800, coalesce_streams=True, config=settings, resources=place).execute()
        resources = {"unique_key": path.stem, "output_files_dir": "."}
        page, resources = MarkdownExporter().from_notebook_node(notebook, resources)
        making = kept.with_suffix(".making")
        making.mkdir(parents=True, exist_ok=True)
        making.joinpath(f"{path.stem}.md").write_text(page, encoding="utf-8")
        for name, content in resources["outputs"].items():
            making.joinpath(Path(name).name).write_bytes(content)
        making.rename(kept)
    return {
        file.name: file.read_text(encoding="utf-8") if file.suffix == ".md" else file.read_bytes()
        for file in sorted(kept.iterdir())
    }


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """On GitHub, links lead to the files of records and examples; on the site, to their pages."""
    markdown = re.sub(r"\]\(\.\./examples/(\w+)\.py", r"](examples/\1.md", markdown)
    return markdown.replace("../../benches/record/", "../record/").replace("../benches/record/", "record/")


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    content = re.sub(
        r'<(span|div) class="arithmatex">\s*\\([(\[])(.*?)\\[)\]]\s*</\1>',
        lambda m: MATH.convert_with_local_state(html.unescape(m[3]).strip(), displaystyle=m[2] == "["),
        content,
        flags=re.DOTALL,
    )
    if 'class="arithmatex"' in content:
        raise ValueError(f"{page.file.src_uri}: a formula was not converted")
    return re.sub(r"<p><img alt=\"([^\"]*)\" src=\"([^\"]*\.svg)\" ?/?></p>", lambda m: figure(m, page, files), content)


def figure(found: re.Match[str], page: Page, files: Files) -> str:
    """Replace the reference to a figure by the figure itself."""
    alt, source = found[1], found[2]
    if source.startswith("data:"):
        return found[0]
    for file in files.media_files():
        if file.url_relative_to(page.file) == source and file.src_uri.endswith(".svg"):
            svg = file.content_string
            svg = svg[svg.index("<svg") :]
            return f'<figure class="ls-figure" role="img" aria-label={json.dumps(alt, ensure_ascii=False)}>{svg}</figure>'
    return found[0]
