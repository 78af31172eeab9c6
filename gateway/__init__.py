"""Take TikTok's webhooks and the sellers' consents, and answer operators and programs over HTTP."""

from config.sparing_imports import import_sparingly

import_sparingly()
