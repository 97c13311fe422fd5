"""`python -m …pdf_printer`: an HTML page from stdin becomes a PDF on stdout. A process of its own, see `own_process`.

The page must hold everything: whatever it asks for is refused, be it a file or an address.
"""

import os
import sys
from typing import Any, Final, NoReturn

PART_MISSING_EXIT: Final = 3
NICE: Final = 10
HOW_TO_GET_IT: Final = (
    "PDF needs WeasyPrint: run `pip install 'opendeep[pdf]'`, and install the system library Pango (Debian and Ubuntu: "
    "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0). Without it, open the HTML report and print "
    "it from the browser."
)


def main() -> None:
    """Print. Exit code 3 and a sentence on stderr where WeasyPrint or a library of it is missing."""
    os.nice(NICE)
    page = sys.stdin.buffer.read().decode()
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as error:  # OSError: the package is there, a system library is not
        _missing(error)
    HTML(string=page, url_fetcher=_refuse).write_pdf(sys.stdout.buffer)


def _refuse(url: str, *_: Any, **__: Any) -> NoReturn:
    raise ValueError(f"a report asks for nothing outside itself: {url[:100]}")


def _missing(error: Exception) -> NoReturn:
    what = str(error).partition("\n")[0][:200]
    sys.stderr.write(f"{HOW_TO_GET_IT} ({what})")
    sys.exit(PART_MISSING_EXIT)


if __name__ == "__main__":
    main()
