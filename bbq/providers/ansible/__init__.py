"""Operations of TOSCA's lifecycle, carried out on servers by ansible-runner: a library that providers use.

`software.Software` is the resource of every node that operations make; `servers` knows how a server is reached. Who carries
operations out is a process of its own (`runner.py`), which outlives the client that started it and keeps account of what is
done in the node's directory (`directory.py`): so a client that was killed finds out what became of it, and no operation that
has ended well is repeated.
"""
