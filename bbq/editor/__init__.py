"""What helps somebody who writes templates: JSON Schema, language server, explanations, formatting, upgrades.

`shapes` says what stands at each keyname of the grammar, `walk` visits a document's nodes with their shapes; everything else
here is made of these two and the resolved types.
"""
