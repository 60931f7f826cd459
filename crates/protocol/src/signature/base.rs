//! The signature base (RFC 9421 section 2.5): the text that is signed.

/// The covered components, as they stand in `Signature-Input`.
pub(super) const COMPONENTS: &str = r#"("@method" "@path" "@query" "content-digest")"#;

/// The label of the one signature.
pub(super) const LABEL: &str = "sig1=";

/// What a `Content-Digest` value starts with; it ends with a colon.
pub(super) const DIGEST_PREFIX: &str = "sha-256=:";

/// One line per component and the parameters last, without a line break at the end.
///
/// No value may hold a line break; callers have checked or made them.
pub(super) fn signature_base<'a>(
    components: impl IntoIterator<Item = (&'a str, [&'a str; 2])>,
    params: &str,
) -> Vec<u8> {
    // Fits every request of this profile: 4 lines, a path and query of usual length, about 230 bytes of parameters.
    let mut base = Vec::with_capacity(512);
    for (name, value) in components {
        for part in ["\"", name, "\": ", value[0], value[1], "\n"] {
            base.extend_from_slice(part.as_bytes());
        }
    }
    base.extend_from_slice(b"\"@signature-params\": ");
    base.extend_from_slice(params.as_bytes());
    base
}

/// The base of this profile. `params` is everything after the label, component list included.
pub(super) fn of_request(request: &super::Request<'_>, content_digest: &str, params: &str) -> Vec<u8> {
    let components = [
        ("@method", [request.method, ""]),
        ("@path", [request.path, ""]),
        ("@query", ["?", request.query]),
        ("content-digest", [content_digest, ""]),
    ];
    signature_base(components, params)
}

/// Whether the parts can stand in a base without changing its lines: visible ASCII, as a request line has it.
pub(super) fn is_plain(request: &super::Request<'_>) -> bool {
    let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    !request.method.is_empty()
        && request.path.starts_with('/')
        && !request.path.contains('?')
        && [request.method, request.path, request.query].into_iter().all(visible)
}
