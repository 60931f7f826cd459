"""A request of every write route that its handler carries out as often as it is sent, or refuses only after looking it up."""

from exceptions import NOTHING

PASSKEY = {"id": "AAAAAAAAAAAAAAAAAAAAAA", "rawId": "AAAAAAAAAAAAAAAAAAAAAA", "type": "public-key", "extensions": {}}
PROVED = PASSKEY | {"response": {"authenticatorData": "AAAA", "clientDataJSON": "AAAA", "signature": "AAAA", "userHandle": None}}
REASON = "because a judge asks for it"
PASSWORD = "three unrelated garden words"
# Done, or refused by what the database says.
DONE, NOT_KNOWN = (200,), (403,)
# The second time, it is so already.
DONE_ONCE = (200, 409)
# An address gets a few mails at a time: looked at in the statement that would queue another, after all others.
FLOODED = (429,)
CHECK_IN = {"agent_version": "1.0.0", "catalogue": "0" * 64, "mode": "audit", "outbox_depth": 0, "rules_version": 0,
            "orders_done": [], "checkpoint_size": 0, "uptime_s": 1}


def bodies(world):
    """Operation → who asks (nobody: a public route; `appliance`: signed), the body, and what it is answered."""
    first, second = world.tenants
    partner, org, site = first["partner_id"], first["org_id"], first["site_id"]
    provider = {"name": "Judge", "kind": "openid", "issuer": "https://login.provider.example", "client_id": "judge",
                "client_secret": "not a secret", "allowed_domains": ["judge.example"], "enabled": False}
    return {
        "post_appliances_checkin": ("appliance", CHECK_IN, DONE),
        "post_appliances_evidence": ("appliance", {"from_size": 0, "envelopes": []}, DONE),
        "post_provision_claim": ("appliance", first["appliance"].claim, DONE + NOT_KNOWN),
        "post_system_alarms_alarm_id_clear": ("staff_admin", {"reason": REASON}, (404,)),
        "post_appliances_appliance_id_credentials": ("staff_admin", {"name": "Router", "username": "admin", "secret": "words"}, DONE),
        "post_appliances_appliance_id_mode": ("staff_admin", {"mode": "audit"}, DONE),
        "post_appliances_appliance_id_revoke": ("staff_admin", {"reason": REASON}, DONE_ONCE),
        "post_auth_bootstrap": (None, {"token": "0" * 64, "name": "Judge", "email": "bootstrap@judge.example", "password": PASSWORD}, (409,)),
        "post_auth_email_confirm": (None, {"token": "0" * 64}, NOT_KNOWN),
        "post_auth_identities_link": ("staff_admin", {"provider_id": "idp" + NOTHING, "return_to": "/account"}, (404,)),
        "post_auth_invitation_accept": (None, {"token": "0" * 64, "name": "Judge", "password": PASSWORD}, NOT_KNOWN),
        "post_auth_invitation_look": (None, {"token": "0" * 64}, NOT_KNOWN),
        "post_auth_login": (None, {"email": "somebody@judge.example", "password": PASSWORD}, (401,)),
        "post_auth_passkey": (None, {"ceremony_id": "cer" + NOTHING, "credential": PROVED}, NOT_KNOWN),
        "post_auth_password_reset": (None, {"email": "somebody@judge.example"}, DONE),
        "post_auth_password_reset_confirm": (None, {"token": "0" * 64, "password": PASSWORD}, NOT_KNOWN),
        "patch_auth_profile": ("staff_admin", {"name": "Judge"}, DONE),
        "post_auth_providers_provider_id_start": (None, {"return_to": "/sites"}, DONE),
        "post_incidents_incident_id_approve": ("partner_admin", {"plan_digest": "0" * 64}, (404, 409)),
        "post_incidents_incident_id_escalate": ("partner_admin", {"reason": REASON}, (200, 404, 409)),
        "post_invitations": ("staff_admin", {"email": "invited@judge.example", "role": "practice_viewer", "org_id": org}, DONE_ONCE + FLOODED),
        "post_oidc_approvals_approval_id_approve": ("staff_admin", {"role": "practice_viewer", "org_id": org}, (404,)),
        "post_oidc_providers": ("staff_admin", provider | {"partner_id": partner}, DONE_ONCE),
        "patch_oidc_providers_provider_id": ("staff_admin", {
            "name": "Judge", "client_id": "judge", "client_secret": "not a secret", "allowed_domains": ["judge.example"], "enabled": False}, DONE),
        "post_organisations": ("staff_admin", {"partner_id": partner, "name": "Clinic"}, DONE),
        "put_organisations_org_id_access": ("practice_owner", {"restricted": False}, DONE),
        "post_organisations_org_id_break_glass": ("partner_admin", {"reason": REASON, "ticket": "T-1", "hours": 1}, DONE_ONCE),
        "post_organisations_org_id_grants": ("practice_owner", {
            "user_id": world.id("partner_technician"), "reason": REASON, "expires_at": "2199-01-01T00:00:00Z"}, DONE_ONCE),
        "post_partners": ("staff_admin", {"name": "Judge IT"}, DONE_ONCE),
        "put_second_factor_policy": ("staff_admin", {"role": "practice_viewer", "requirement": "any"}, DONE),
        "patch_settings": ("staff_admin", {"name": "Central Command"}, DONE),
        "post_portal_link": (None, {"email": "somebody@judge.example"}, DONE),
        "post_portal_session": (None, {"token": "0" * 64}, NOT_KNOWN),
        "post_sites": ("staff_admin", {"org_id": org, "name": "Site", "timezone": "America/New_York"}, DONE),
        "post_sites_site_id_codes": ("staff_admin", {"label": "for an appliance"}, DONE),
        "post_tokens": ("staff_admin", {"name": "Judge", "actions": ["site.read"], "expires_in_days": 1}, DONE),
        "patch_users_user_id": ("staff_admin", {"role": "practice_viewer"}, DONE),
        "post_users_user_id_reset_factors": ("staff_admin", {"reason": REASON}, DONE_ONCE),
        "post_users_user_id_suspend": ("staff_admin", {"reason": REASON}, DONE_ONCE),
    }
