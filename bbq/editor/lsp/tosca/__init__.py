"""TOSCA for the language server."""
