"""A small software renderer: signed distance fields, sphere tracing, soft light, on numpy alone."""
