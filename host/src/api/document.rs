//! The description at `/openapi.json`: what every operation has in common is said here once, and follows from the
//! operation's shape, so that no operation can forget it.

use super::error::ErrorBody;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required,
    ResponseBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};

const ABOUT: &str = "\
Enqueue messages for agents, read what came of them, and run the service.

Every operation under `/v1` takes an API token: `Authorization: Bearer aft_...`. The token's scope decides what it \
opens; each operation lists the scopes it takes. What belongs to another tenant is answered as what is not there.

Errors have one shape, `{\"error\": {\"code\", \"message\"}}`; the code stays the same whatever the words. Lists come in \
pages: pass `nextCursor` as `cursor` until there is none. Times are milliseconds of the Unix epoch.";

/// The description before any operation.
pub(super) fn base() -> OpenApi {
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Agent Factory")
                .description(Some(ABOUT))
                .version(env!("CARGO_PKG_VERSION"))
                .build(),
        )
        .components(Some(Components::new()))
        .build()
}

/// Adds what follows from each operation's shape: parameters that its path names, its security, and the refusals
/// it can answer.
pub(super) fn complete(openapi: &mut OpenApi) {
    let components = openapi.components.get_or_insert_with(Components::new);
    components
        .schemas
        .insert(ErrorBody::name().into_owned(), ErrorBody::schema());
    let mut more = Vec::new();
    ErrorBody::schemas(&mut more);
    components.schemas.extend(more);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API token; its scope decides what it opens."))
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    for (path, item) in &mut openapi.paths.paths {
        for operation in operations(item) {
            complete_operation(path, operation);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

fn complete_operation(path: &str, operation: &mut Operation) {
    for name in names_in(path) {
        let parameters = operation.parameters.get_or_insert_default();
        let is_known =
            |known: &RefOr<Parameter>| matches!(known, RefOr::T(known) if known.name == name);
        if !parameters.iter().any(is_known) {
            let description = match name {
                "tenantId" => "The tenant.",
                _ => "Which one.",
            };
            let parameter = ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(description))
                .schema(Some(String::schema()));
            parameters.push(parameter.build().into());
        }
    }
    if !path.starts_with("/v1/") {
        return;
    }
    if operation.security.is_none() {
        let any: [&str; 0] = [];
        operation.security = Some(vec![SecurityRequirement::new("bearer", any)]);
    }
    refusal(operation, "401", "No token, or none that is known.");
    refusal(operation, "403", "The token's scope does not open this.");
    refusal(
        operation,
        "429",
        "Too many requests; `Retry-After` says when to come back.",
    );
    refusal(
        operation,
        "500",
        "Something is broken; the operator's log says what.",
    );
    refusal(
        operation,
        "503",
        "Overloaded, timed out or without a database; may be repeated.",
    );
    let has_parameters = operation
        .parameters
        .as_ref()
        .is_some_and(|parameters| !parameters.is_empty());
    let has_body = operation.request_body.is_some();
    if has_parameters || has_body {
        refusal(
            operation,
            "400",
            "What was sent makes no sense; says what would.",
        );
    }
    if has_body {
        refusal(operation, "413", "More bytes than are taken.");
        refusal(
            operation,
            "415",
            "Another content type than the one that is taken.",
        );
    }
    if path.contains('{') {
        refusal(operation, "404", "It is not there, or is another tenant's.");
    }
}

/// `tenantId` of `/v1/tenants/{tenantId}`.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
}

/// What an operation says itself stays.
fn refusal(operation: &mut Operation, status: &str, description: &str) {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(ErrorBody::name())))
        .build();
    let response = ResponseBuilder::new()
        .description(description)
        .content("application/json", content)
        .build();
    operation
        .responses
        .responses
        .entry(status.to_owned())
        .or_insert_with(|| response.into());
}
