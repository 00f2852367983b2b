"""The site: the notebooks with the very outputs that nbval verified, guides, and the API."""

import shutil
import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).parent

# Sphinx reads below its own folder only. What is deleted or renamed must not stay in the site.
shutil.rmtree(HERE / "notebooks", ignore_errors=True)
shutil.copytree(
    HERE.parent / "notebooks",
    HERE / "notebooks",
    ignore=shutil.ignore_patterns(".ipynb_checkpoints"),
)

project = "slotscope"
author = "the slotscope authors"
project_copyright = author
release = version = metadata.version("slotscope")

sys.path.insert(0, str(HERE))  # for mathml
extensions = [
    "mathml",
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
html_math_renderer = "mathml"
exclude_patterns = ["_build"]
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_title = f"slotscope {release}"

# A second execution could show what nobody verified.
nb_execution_mode = "off"
# Results are for programs; beside them stands the text that is shown.
suppress_warnings = ["mystnb.unknown_mime_type"]
myst_heading_anchors = 2
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# Inventories of other projects' names would be downloads at build time.
others = "abc|collections|contextlib|enum|matplotlib|np|numpy|os|pandas|pathlib|pd|types|typing"
nitpick_ignore_regex = [
    ("py:.*", rf"({others})\..*"),
    ("py:.*", r"Any|Callable|Figure|Iterator|Mapping|Path|PathLike|Sequence|TracebackType"),
    ("py:.*", r".* array|optional"),  # shapes and dtypes, in the words of a docstring
    # The package's own names as its modules call them: api.md documents the public spelling.
    ("py:.*", r"ENGINES|Variable|watch|slotscope\.(engines\.Engine|recording\.statistics)"),
    ("py:.*", r"(.*\.)?(DataParallel|Devices|Mirrored|Format|Loop|Program|SparseGradient)"),
    ("py:.*", r"slotscope\.rules\..*\.Steps"),
    ("py:.*", r"slotscope\..*\.Result"),  # a type variable
]
