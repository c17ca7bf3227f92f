"""Releases on a board: contents by hash, a folder of links a release, and one pointer that is renamed.

Below the board's directory::

    store/SHA256            verified contents, shared by releases
    staging/SHA256          contents on their way: unverified, possibly cut off; the next push goes on there
    releases/ID/            the vendor's names, each a link to its content; ID is a hash over names and contents
    releases/ID/.manifest   what the release is made of
    current -> releases/ID  the pointer; `previous` names the release before it
    lock                    a link whose target says who is at work

`places:` puts contents elsewhere (`/tmp/deploy/{store,staging}`); the links name absolute paths, so a release
may span file systems.
"""
