"""Find Helm, which the tools' wheel has for x86_64 Linux alone, and kubectl."""

import shutil
import sys
from pathlib import Path
from typing import Final

_OWN: Final = Path(sys.executable).with_name("helm")
HELM: Final = str(_OWN) if _OWN.exists() else shutil.which("helm")
KUBECTL: Final = shutil.which("kubectl")
