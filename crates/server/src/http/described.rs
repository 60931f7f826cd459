//! What the API description says of fields that mean the same wherever they stand. The rules themselves are kept where
//! the fields are read; an outside judge compares the two.

use std::fmt::Display;

use proofline_core::{
    AlarmId, ApiTokenId, ApplianceId, ApprovalId, AssetId, BreakGlassId, CeremonyId, CredentialId,
    FactorRequirement, IdentityId, IncidentId, InvitationId, KeyRotationId, MailId, Mode, OrderId, OrgId,
    PartnerId, PasskeyId, ProviderId, ProvisioningCodeId, Role, SessionId, Severity, SiteId, UserId,
};
use utoipa::openapi::path::{Operation, Parameter, PathItem};
use utoipa::openapi::schema::{KnownFormat, SchemaFormat};
use utoipa::openapi::{Content, Object, ObjectBuilder, OpenApi, RefOr, Schema};

/// No control characters.
const PLAIN: &str = r"^[^\u0000-\u001F\u007F-\u009F]*$";
/// The same, and not only spaces.
const WORDS: &str =
    r"^[^\u0000-\u001F\u007F-\u009F]*[^\s\u0000-\u001F\u007F-\u009F][^\u0000-\u001F\u007F-\u009F]*$";
/// The same as words, and without characters that are not seen: what `tenants::is_unseen` says.
const NAME: &str = concat!(
    r"^[^\u0000-\u001F\u007F-\u009F\u115F\u1160\u200B-\u200F\u2028-\u202E\u2060\u2066-\u2069\u3164\uFEFF\uFFA0]*",
    r"[^\s\u0000-\u001F\u007F-\u009F\u115F\u1160\u200B-\u200F\u2028-\u202E\u2060\u2066-\u2069\u3164\uFEFF\uFFA0]",
    r"[^\u0000-\u001F\u007F-\u009F\u115F\u1160\u200B-\u200F\u2028-\u202E\u2060\u2066-\u2069\u3164\uFEFF\uFFA0]*$"
);
/// Words of 10 characters at least beside the spaces around.
const LONG_WORDS: &str = r"^\s*[^\s\u0000-\u001F\u007F-\u009F][^\u0000-\u001F\u007F-\u009F]{8,498}[^\s\u0000-\u001F\u007F-\u009F]\s*$";
/// Something, an `@`, and labels that neither begin nor end with a hyphen.
const EMAIL: &str = concat!(
    r"^[^@\s\u0000-\u001F\u007F-\u009F]+@",
    r"(?:[^@\s.\u0000-\u001F\u007F-\u009F-](?:[^@\s.\u0000-\u001F\u007F-\u009F]*[^@\s.\u0000-\u001F\u007F-\u009F-])?(?:\.(?!$)|$))+$"
);

/// Which kind of id stands in a field or parameter of this name.
const IDS: [(&str, &str); 22] = [
    ("alarm_id", AlarmId::PREFIX),
    ("appliance_id", ApplianceId::PREFIX),
    ("approval_id", ApprovalId::PREFIX),
    ("asset_id", AssetId::PREFIX),
    ("break_glass_id", BreakGlassId::PREFIX),
    ("ceremony_id", CeremonyId::PREFIX),
    ("code_id", ProvisioningCodeId::PREFIX),
    ("credential_id", CredentialId::PREFIX),
    ("identity_id", IdentityId::PREFIX),
    ("incident_id", IncidentId::PREFIX),
    ("invitation_id", InvitationId::PREFIX),
    ("key_rotation_id", KeyRotationId::PREFIX),
    ("mail_id", MailId::PREFIX),
    ("order_id", OrderId::PREFIX),
    ("org_id", OrgId::PREFIX),
    ("partner_id", PartnerId::PREFIX),
    ("passkey_id", PasskeyId::PREFIX),
    ("provider_id", ProviderId::PREFIX),
    ("session_id", SessionId::PREFIX),
    ("site_id", SiteId::PREFIX),
    ("token_id", ApiTokenId::PREFIX),
    ("user_id", UserId::PREFIX),
];

/// Whether the body of a request says by an id which thing is meant. `schemas` are those that its route brings.
pub(super) fn body_names_ids(operation: &Operation, schemas: &[(String, RefOr<Schema>)]) -> bool {
    let Some(RefOr::T(body)) = &operation.request_body else { return false };
    let mut named = body.content.values().filter_map(|content| match content {
        RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) => schema.ref_location.rsplit('/').next(),
        _ => None,
    });
    let id = |name: &str| IDS.iter().any(|(known, _)| *known == name);
    named.any(|named| {
        schemas.iter().any(|(name, schema)| {
            matches!(schema, RefOr::T(Schema::Object(object)) if name == named && object.properties.keys().any(|name| id(name)))
        })
    })
}

/// What the description means by a `format` of ours. Where a field has one, this takes its place.
fn rule(format: &str) -> Option<Object> {
    let text = ObjectBuilder::new();
    Some(
        match format {
            // What people call something: not only spaces.
            "name" => text.min_length(Some(1)).max_length(Some(120)).pattern(Some(NAME)),
            // The same, where there is less room.
            "short-name" => text.min_length(Some(1)).max_length(Some(60)).pattern(Some(NAME)),
            // A note beside something, which may be empty.
            "label" => text.max_length(Some(120)).pattern(Some(PLAIN)),
            // What is looked for in the audit trail.
            "sought" => text.max_length(Some(200)).pattern(Some(PLAIN)),
            // Where else it is written down what is done.
            "ticket" => text.min_length(Some(1)).max_length(Some(100)).pattern(Some(WORDS)),
            // Why somebody does what others will ask about.
            "reason" => text.min_length(Some(10)).max_length(Some(500)).pattern(Some(LONG_WORDS)),
            // Wider than the format of that name: the pattern is what the server asks for.
            "email" => text.max_length(Some(254)).pattern(Some(EMAIL)),
            // Also none that anyone would try first, which no form can say.
            "new-password" => {
                let format = SchemaFormat::KnownFormat(KnownFormat::Password);
                text.format(Some(format)).min_length(Some(12)).max_length(Some(1024))
            }
            "client-id" => text.pattern(Some("^[!-~]{1,255}$")),
            "client-secret" => text.min_length(Some(1)).max_length(Some(1000)),
            // What a machine says of itself, as long as its field says.
            "plain" => text.pattern(Some(PLAIN)),
            // 32 bytes in base64: the last character has no bits that say nothing.
            "public-key" => text.pattern(Some("^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$")),
            // SHA-256 in hex.
            "digest" => text.pattern(Some("^[0-9a-f]{64}$")),
            "order" => text.pattern(Some(id(OrderId::PREFIX))),
            "role" => one_of(text, Role::ALL),
            "mode" => one_of(text, Mode::ALL),
            "severity" => one_of(text, Severity::ALL),
            "requirement" => {
                one_of(text, [FactorRequirement::Any.as_str(), FactorRequirement::Passkey.as_str()])
            }
            _ => return None,
        }
        .build(),
    )
}

/// 128 bits in 26 letters of five: the first has three.
fn id(prefix: &str) -> String {
    format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$")
}

fn one_of<T: Display>(text: ObjectBuilder, names: impl IntoIterator<Item = T>) -> ObjectBuilder {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    text.pattern(Some(format!("^({})$", names.join("|"))))
}

/// Says of every field and parameter in the document what its name or its format means.
pub(super) fn fields(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(Parameter { name, schema: Some(schema), .. }) = parameter {
                    field(name, schema);
                }
            }
        }
    }
    let schemas = document.components.iter_mut().flat_map(|components| components.schemas.values_mut());
    for schema in schemas {
        if let RefOr::T(Schema::Object(object)) = schema {
            for (name, property) in &mut object.properties {
                field(name, property);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn field(name: &str, schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = schema else { return };
    if let Some((_, prefix)) = IDS.iter().find(|(known, _)| *known == name) {
        object.pattern = Some(id(prefix));
    }
    let rule = match &object.format {
        Some(SchemaFormat::KnownFormat(KnownFormat::Email)) => rule("email"),
        Some(SchemaFormat::Custom(format)) => rule(format),
        _ => None,
    };
    if let Some(rule) = rule {
        object.format = rule.format;
        object.min_length = rule.min_length.or(object.min_length);
        object.max_length = rule.max_length.or(object.max_length);
        object.pattern = rule.pattern;
    }
}
