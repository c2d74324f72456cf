"""Card numbers at rest: sealed under data keys, which are wrapped by a master key.

Three layers of keys, each of which changes without the one below it:

* the master key (`master.py`) comes from outside the database and wraps data keys, nothing else;
* data keys (`ring.py`) seal card numbers; the newest active one seals, all of them open;
* one data key, the root, has the reserved id 0 and seals nothing: the keys of fingerprints and of
  secret hashes are derived from it. They could not come from the master itself, because both must
  stay as they are when the master changes: no plain secret is left to hash again.

CVVs are not stored (PCI DSS 3.3.1): nothing here takes one. No key is printed, and none leaves
this package unwrapped.
"""

from counterfoil.vault.master import (
    MasterKey,
    create_master,
    master_from_file,
    master_from_text,
)
from counterfoil.vault.ring import ROOT, KeyRing, first_keys, new_data_key, rewrap
from counterfoil.vault.rotation import Progress, rotate, rotate_master

__all__ = [
    "ROOT",
    "KeyRing",
    "MasterKey",
    "Progress",
    "create_master",
    "first_keys",
    "master_from_file",
    "master_from_text",
    "new_data_key",
    "rewrap",
    "rotate",
    "rotate_master",
]
