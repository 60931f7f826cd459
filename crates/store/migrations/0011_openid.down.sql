DROP TABLE oidc_approval, oidc_identity, oidc_flow, oidc_provider;
