"""What the judges leave out, each with its reason. Nothing else is left out."""

# Operations that schemathesis does not call, whoever asks.
OPERATIONS = {
    "get_events": "a stream without an end: every call would be a time-out",
}

# Operations that schemathesis does not call with a credential, because they end or lock the session it judges with.
WITH_A_SESSION = {
    "post_auth_logout": "ends the session",
    "post_auth_login": "ends the session that the browser had",
    "post_auth_sessions_end_others": "changes the session's own list while it is judged",
    "delete_auth_sessions_session_id": "may name the judge's own session",
    "post_auth_second_factor_totp": "five wrong codes lock the session",
    "post_auth_second_factor_recovery_code": "five wrong codes lock the session",
    "post_auth_second_factor_passkey": "five wrong answers lock the session",
    "put_second_factor_policy": "asks the judge for a passkey, which it has not",
}

# Parameters that are taken out of the description before requests are made of it.
PARAMETERS = {
    "cursor": "opaque: only the list itself can make one; a Rust test sends others",
}

# What a request may be answered although its form is right: the status, and the rule that no form can say.
CONTENT = {
    "post_auth_bootstrap": (422, "a password that anyone would try first"),
    "post_auth_invitation_accept": (422, "a password that anyone would try first"),
    "post_auth_password": (422, "a password that anyone would try first"),
    "post_auth_password_reset_confirm": (422, "a password that anyone would try first"),
    "post_auth_password_reset": (422, "an address has 254 bytes at most, and a form counts characters"),
    "post_portal_link": (422, "an address has 254 bytes at most, and a form counts characters"),
    "post_auth_email": (422, "one's own address"),
    "post_auth_factors_passkeys": (422, "the form of an authenticator's answer is WebAuthn's"),
    "post_auth_passkey": (422, "the form of an authenticator's answer is WebAuthn's"),
    "post_csp_reports": (422, "the form of a report is the browsers'"),
    "post_oidc_providers": (422, "issuer, kind and place have to fit each other"),
    "patch_oidc_providers_provider_id": (422, "a secret and no client id"),
    "post_oidc_approvals_approval_id_approve": (422, "role and place have to fit each other"),
    "post_auth_providers_provider_id_start": (422, "a page to return to is one of the app's"),
    "post_auth_identities_link": (422, "a page to return to is one of the app's"),
    "post_organisations_org_id_grants": (422, "somebody above the client, and an end that lies ahead"),
    "post_invitations": (422, "role and place have to fit each other"),
    "patch_users_user_id": (422, "a role of the place where the person is"),
    "post_provision_claim": (422, "a key is none that is weak or has another spelling"),
    "post_appliances_evidence": (422, "an envelope is one whose signature verifies"),
    "post_sites": (422, "a time zone is one of the IANA database"),
    "post_tokens": (422, "an action is one that its maker can give"),
    "get_audit": (422, "a time is one that the database can hold"),
    "get_audit_export": (422, "a time is one that the database can hold"),
    "get_sites_site_id_posture": (422, "a time is not in the future"),
    "patch_settings": (412, "the version is not the one that there is"),
}

# Operations that may be called with an id of another partner.
FOREIGN = {
    "post_auth_providers_provider_id_start": "public: whoever wants to sign in names a provider of the sign-in page",
}

# Operations that sqlmap does not try.
INJECTION = {
    "get_events": "a stream without an end: every request would be a time-out",
    "post_auth_email": "after five mails refused with 429 before the address is read",
    "post_auth_password": "after five wrong ones refused before the password is read, which is no part of a statement",
    "post_auth_factors_passkeys": "after five wrong ones refused before the answer is read, and so is every proof of the session",
    "post_auth_factors_totp_confirm": "after five wrong ones refused before the code is read, which is no part of a statement",
    "post_auth_second_factor_totp": "after five wrong ones refused before the code is read, which is no part of a statement",
    "post_auth_second_factor_recovery_code": "after five wrong ones refused before the code is read",
    "post_auth_second_factor_passkey": "after five wrong ones refused before the answer is read",
    "post_auth_logout": "ends the session that sqlmap asks with",
    "post_csp_reports": "is written to the log and no part of a statement",
}

# The end of an id that nothing has.
NOTHING = "_01h455vb4pex5vsknk084sn02q"

# Built-in checks of schemathesis that are not asked for where everything is signed on its way.
SIGNED_CHECKS = {
    "ignored_auth": "leaves the signature out, and the signer puts it in: whoever does not sign is judged as nobody",
}
