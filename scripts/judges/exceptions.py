"""What the judges leave out, each with its reason. Nothing else is left out."""

# Operations that schemathesis does not call, whoever asks.
OPERATIONS = {
    "get_events": "a stream without an end: every call would be a time-out",
}

# Operations that schemathesis does not call with a session, because they end or lock the session it judges with.
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

# Built-in checks of schemathesis that are not asked for.
CHECKS = {}
