"""The last module that the fork server imports: all that programs of ours would do alike is done once, before a fork.

Each gateway compiles its templates, and each worker and gateway scans all objects for garbage: together half a second
of a core, hundreds of times.
"""

import gc

from gateway.dashboard.shell.templating import load_templates

load_templates()
gc.collect()
gc.freeze()  # what is imported: a copy neither scans it, which would copy the memory too, nor frees any of it
