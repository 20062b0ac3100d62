"""The language server: diagnostics, completion, hover, navigation, rename, symbols and formatting for editors.

Language Server Protocol 3.17 (https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17/specification/),
over standard streams, with pygls. Only `server` knows pygls; the rest works on texts.
"""
