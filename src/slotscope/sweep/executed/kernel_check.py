"""What would end every run in the same way, found before any begins."""

from __future__ import annotations

from slotscope.errors import UnfitNotebookError, UnknownKernelError
from slotscope.sweep.declared.notebook_file import PYTHON, Notebook, language_of


def check_kernel(notebook: Notebook, kernel: str) -> None:
    """
    Args:
        notebook: what is to be run.
        kernel: the name of its kernel; empty for the notebook's own.

    Raises:
        UnknownKernelError: no such kernel is installed here, or it is one of another language.
        UnfitNotebookError: papermill can't write values in the notebook's language.
    """
    from jupyter_client.kernelspec import KernelSpecManager

    manager, name = KernelSpecManager(), kernel or notebook.kernel
    installed = sorted(manager.find_kernel_specs())
    choose = f"Choose one by --kernel: {', '.join(installed) or 'none is installed'}."
    if name not in installed:
        problem = f"No kernel {name!r} is installed" if name else "The notebook names no kernel"
        raise UnknownKernelError(f"{problem}. {choose}")
    language = language_of(str(manager.get_kernel_spec(name).language))
    if (language == PYTHON) is not (notebook.language == PYTHON):
        raise UnknownKernelError(
            f"The kernel {name!r} runs {language}, and {notebook.path} is written in "
            f"{notebook.language}. {choose}"
        )
    if notebook.place is not None and notebook.language != PYTHON:
        _check_translator(notebook, name)


def _check_translator(notebook: Notebook, kernel: str) -> None:
    from papermill.exceptions import PapermillException
    from papermill.translators import papermill_translators

    try:
        papermill_translators.find_translator(kernel, notebook.language)
    except PapermillException as error:
        raise UnfitNotebookError(
            f"{notebook.path} is written in {notebook.language}, in which papermill can't write "
            "values. Take the tag `parameters` from its cell to run it as it is."
        ) from error
