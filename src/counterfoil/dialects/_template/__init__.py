"""The Template wire: a JSON API of four calls.

Begin here: `schema.py` is what the wire is asked, `routes.py` its calls, `render.py` and
`errors.py` what it says, `auth.py` who asks. Replace them one at a time. `_examples/` holds
documented exchanges; once `demo.py` has credentials of this wire, name the folder `examples/`.
"""

from counterfoil.dialects import Dialect
from counterfoil.dialects._template.routes import serve

dialect = Dialect(
    name="template",
    segments=("template",),
    serve=serve,
)
