"""What this service adds to its template. The template has no other file in this folder and never changes this one.

docs/how-to/extend-the-service.md describes the modules that are read here, and what each declares.
"""
