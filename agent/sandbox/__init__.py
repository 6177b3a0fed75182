"""Where commands run: backends `docker`, `bwrap`, `unshare` and the fake `memory` behind `agent.ports.sandbox`.

`choose` picks one for the composition root; core and tools see only the port. `inside/` holds the standard-library
sources that run within a sandbox. Never done here: running a command unsandboxed, opening on the host a path that a
sandbox controls, putting a secret or a network into a sandbox. The Docker SDK is imported by `docker` and `image` only.
"""
