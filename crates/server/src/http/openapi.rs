//! The API description beside its routes.

use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

use super::{FieldProblem, ProblemBody, refusals};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Proofline Central Command",
        description = "Every route names its permission in `x-permission`. Errors are RFC 9457 problem documents.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ProblemBody, FieldProblem))
)]
struct Description;

/// The description without routes.
pub fn document() -> OpenApi {
    let mut document = Description::openapi();
    if let Some(components) = &mut document.components {
        components.responses.extend(refusals::components());
        components.add_security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
                "__Host-session",
                "Set by signing in. Changes also send the `__Host-csrf` cookie's value as `X-CSRF-Token`.",
            ))),
        );
        components.add_security_scheme(
            "api_token",
            SecurityScheme::Http(
                HttpBuilder::new()
                    .scheme(HttpAuthScheme::Bearer)
                    .description(Some(
                        "A token of `POST /api/tokens`, for programs. It does what is on its list and in its maker's role. \
                         Send no cookie with it, and no CSRF token.",
                    ))
                    .build(),
            ),
        );
        components.add_security_scheme(
            "appliance_signature",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(
                "Signature",
                "RFC 9421 signature over method, path, query and content digest, by the appliance's Ed25519 key.",
            ))),
        );
    }
    document
}
