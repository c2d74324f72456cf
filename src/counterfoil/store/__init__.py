"""Where the truth rests: one schema, one page of named queries, a store for each database."""
