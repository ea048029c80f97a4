"""What the end-to-end tests share: a provisioned site, upstreams, clients and readers of the journal."""
