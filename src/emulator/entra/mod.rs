//! The token endpoint, v1 and v2: who asks, with which credential, for which resource.
//!
//! A token is given even to an application without any role, as Entra does; the API then answers 403.

mod assertion;
mod error;
mod grants;

pub(crate) use error::EntraError;
pub(crate) use grants::{Grant, Grants, Subject};

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap};
use serde::Serialize;

use super::answer::{Answer, Form};
use super::ids::Ids;
use super::moment::Moment;
use super::route::Version;
use super::switches::{GovAudience, Switches};
use super::text::{Fields, percent_decode};
use super::world::{App, Directory, Standing, Tenant};

/// The audiences with which the service is known to accept a token in the commercial cloud.
const AUDIENCES: [&str; 3] = [
    "https://api.securitycenter.microsoft.com",
    "https://securitycenter.onmicrosoft.com/windowsatpservice",
    "https://api.securitycenter.windows.com",
];

/// The two candidates for the clouds of governments: the pages name none (switch `gov_audience`).
const GOV_PRINCIPAL: &str = "https://securitycenter.onmicrosoft.us/windowsatpservice";
const GOV_BASES: [&str; 2] =
    ["https://api-gov.securitycenter.microsoft.us", "https://api-gcc.securitycenter.microsoft.us"];

/// Resources every tenant has, and whose tokens this API refuses.
const OTHER_RESOURCES: [&str; 3] = [
    "https://api.security.microsoft.com",
    "https://graph.microsoft.com",
    "https://management.azure.com",
];

/// The audience a client should ask for.
pub(crate) const AUDIENCE: &str = "https://api.securitycenter.microsoft.com";

/// A request to the token endpoint.
pub(crate) struct Ask<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) version: Version,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) switches: &'a Switches,
}

/// Gives a token, or says why not.
pub(crate) fn answer(
    ask: &Ask<'_>,
    directory: &Directory,
    grants: &mut Grants,
    ids: &mut Ids,
    now: Moment,
) -> Answer {
    match give(ask, directory, grants, ids, now) {
        Ok(given) => given,
        Err(error) => error.into_answer(ids, now),
    }
}

fn give(
    ask: &Ask<'_>,
    directory: &Directory,
    grants: &mut Grants,
    ids: &mut Ids,
    now: Moment,
) -> Result<Answer, EntraError> {
    let form = Fields::parse(ask.body);
    let field = |name| form.get(name).filter(|value| !value.is_empty());

    let grant_type = field("grant_type").ok_or_else(|| EntraError::missing("grant_type"))?;
    if grant_type != "client_credentials" {
        return Err(EntraError::grant_type(grant_type));
    }
    let (tenant_index, tenant) = find_tenant(ask.tenant, directory)?;
    let credential = Credential::read(&form, ask.headers)?;
    let resource = wanted_resource(ask.version, &form)?;
    let (app_index, app) = tenant
        .app(&credential.app)
        .ok_or_else(|| EntraError::unknown_app(&credential.app, &tenant.id))?;
    credential.check(app, tenant, now)?;

    let for_this_api = is_this_api(&resource, tenant, ask.switches.gov_audience);
    if !for_this_api && !OTHER_RESOURCES.contains(&resource.as_str()) {
        return Err(EntraError::unknown_resource(&resource, &tenant.id));
    }
    let subject = Subject {
        tenant: tenant_index,
        app: app_index,
        tenant_id: &tenant.id,
        app_id: &app.id,
        audience: &resource,
        for_this_api,
        roles: if for_this_api { Arc::clone(&app.roles) } else { Arc::default() },
        lifetime: Duration::from_secs(u64::try_from(app.lifetime).unwrap_or(0)),
    };
    let token = grants.issue(&subject, ids, now);
    Ok(success(ask.version, app.lifetime, &resource, token, now))
}

fn find_tenant<'d>(
    given: &str,
    directory: &'d Directory,
) -> Result<(usize, &'d Tenant), EntraError> {
    let name = given.to_ascii_lowercase();
    if ["common", "consumers", "organizations"].contains(&name.as_str()) {
        return Err(EntraError::common_endpoint());
    }
    if !name.contains('.') && !crate::types::is_guid(&name) {
        return Err(EntraError::malformed_tenant(given));
    }
    directory.tenant(&name).ok_or_else(|| EntraError::unknown_tenant(given))
}

/// The resource a token is asked for, without `/.default` and a closing slash.
fn wanted_resource(version: Version, form: &Fields) -> Result<String, EntraError> {
    let field = |name| form.get(name).map(str::trim).filter(|value| !value.is_empty());
    match version {
        // With the suffix of v2 the v1 endpoint looks for a resource of that very name.
        Version::V1 => {
            let resource = field("resource").ok_or_else(|| EntraError::missing("resource"))?;
            Ok(resource.trim_end_matches('/').to_owned())
        }
        Version::V2 => {
            if field("resource").is_some() {
                return Err(EntraError::resource_on_v2());
            }
            let scope = field("scope").ok_or_else(|| EntraError::missing("scope"))?;
            if scope.split_whitespace().nth(1).is_some() {
                return Err(EntraError::several_resources(scope));
            }
            let resource =
                scope.strip_suffix("/.default").ok_or_else(|| EntraError::invalid_scope(scope))?;
            Ok(resource.trim_end_matches('/').to_owned())
        }
    }
}

fn is_this_api(resource: &str, tenant: &Tenant, gov: GovAudience) -> bool {
    let gov_known = match gov {
        GovAudience::None => false,
        GovAudience::Principal => resource == GOV_PRINCIPAL,
        GovAudience::Base => GOV_BASES.contains(&resource),
        GovAudience::Both => resource == GOV_PRINCIPAL || GOV_BASES.contains(&resource),
    };
    let added = tenant.audiences.iter().any(|audience| audience == resource);
    let known = AUDIENCES.contains(&resource) || added || gov_known;
    known && tenant.standing != Standing::NoPrincipal
}

/// Who asks, and how they prove it.
struct Credential {
    app: String,
    secret: Option<String>,
    assertion: Option<String>,
}

impl Credential {
    fn read(form: &Fields, headers: &HeaderMap) -> Result<Self, EntraError> {
        let basic = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(basic_pair);
        let field = |name| form.get(name).filter(|v| !v.is_empty()).map(str::to_owned);
        let (header_app, header_secret) = basic.unzip();
        let app =
            field("client_id").or(header_app).ok_or_else(|| EntraError::missing("client_id"))?;
        let of_known_type = form.get("client_assertion_type") == Some(assertion::TYPE);
        let assertion = field("client_assertion").filter(|_| of_known_type);
        Ok(Self { app, secret: field("client_secret").or(header_secret), assertion })
    }

    fn check(&self, app: &App, tenant: &Tenant, now: Moment) -> Result<(), EntraError> {
        if app.disabled {
            return Err(EntraError::disabled_app(&app.id));
        }
        if let Some(assertion) = &self.assertion {
            return assertion::check(assertion, app, &tenant.id, now);
        }
        let Some(given) = &self.secret else { return Err(EntraError::no_credential()) };
        let Some(known) = app.secrets.iter().find(|secret| secret.text.expose() == given) else {
            return Err(EntraError::wrong_secret(&app.id));
        };
        if known.expires.is_some_and(|end| end <= now.wall) {
            return Err(EntraError::expired_secret(&app.id));
        }
        Ok(())
    }
}

/// Id and secret of HTTP Basic, each form-encoded before they were joined.
fn basic_pair(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((percent_decode(id).into_owned(), percent_decode(secret).into_owned()))
}

/// Numbers in v2, strings in v1.
#[derive(Serialize)]
#[serde(untagged)]
enum Given<'a> {
    V2 {
        token_type: &'static str,
        expires_in: i64,
        ext_expires_in: i64,
        access_token: String,
    },
    V1 {
        token_type: &'static str,
        expires_in: String,
        ext_expires_in: String,
        expires_on: String,
        not_before: String,
        resource: &'a str,
        access_token: String,
    },
}

fn success(
    version: Version,
    life: i64,
    resource: &str,
    access_token: String,
    now: Moment,
) -> Answer {
    let token_type = "Bearer";
    let given = match version {
        Version::V2 => {
            Given::V2 { token_type, expires_in: life, ext_expires_in: life, access_token }
        }
        Version::V1 => Given::V1 {
            token_type,
            expires_in: life.to_string(),
            ext_expires_in: life.to_string(),
            expires_on: now.wall.unix_seconds().saturating_add(life).to_string(),
            not_before: now.wall.unix_seconds().saturating_sub(300).to_string(),
            resource,
            access_token,
        },
    };
    Answer::json(http::StatusCode::OK, Form::Token, &given)
}
