"""Access: principals, policies, consents, audit."""
