"""`python -m bbq` is `bbq-deploy`."""

import sys

from bbq.cli.main import main

sys.exit(main())
