"""3-D Secure as it goes over wires: messages of both versions, and the merchant's side of them.

`messages.py` and `payer.py` are codecs and know nobody; `server.py` is the 3DS Server, which asks
a directory through one Protocol. The test bank's directory and issuer are in its own folder.
"""
