"""What the verbs do: everything between the engine and the two ways in, the library (`bbq.api`) and the command line.

`workspace` opens configuration, journal, secrets and provider. `wanted` says what a template asks for, `prepare` makes a
`change` of it, which is carried out once; `interrupts` lets Ctrl-C end that well. The rest looks at what there is and changes
nothing: `observe` (status, drift), `waiting` (wait), `logs`, `pictures` (graph) and `doctor`.
"""
