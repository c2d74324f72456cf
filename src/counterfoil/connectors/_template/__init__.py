"""The connector for the acquirer Template: JSON lines over one TCP connection a question.

Begin here: `messages.py` is the host's wire, `declines.py` its response codes, `link.py` how bytes
travel, `acquirer.py` what an instruction becomes. Replace them one at a time.
"""

from counterfoil.connectors import Connector
from counterfoil.connectors._template.acquirer import open_template

connector = Connector(name="template", open=open_template)
