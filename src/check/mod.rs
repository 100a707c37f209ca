//! The pre-flight: what a client may do, and what stands in its way, before anything is at stake.
//!
//! Tokens are read, not validated: that is the service's part. The answer goes by the five headings under which
//! integrators' troubleshooting pages are written.

mod access;
mod page;

use crate::auth::{TokenClaims, TokenError, TokenErrorKind, TokenSource};
use crate::catalog::OPERATIONS;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::machines::{Isolate, IsolationType, ListMachines};
use crate::operation::Safety;
use crate::region::Region;
use crate::send::Sender;
use crate::types::{MachineId, Timestamp};

pub use access::Access;

/// A credential that ends within so many days is worth a word.
const SOON_DAYS: u64 = 30;

/// Under which heading a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Heading {
    /// Id, tenant or secret are wrong, or have ended.
    AuthenticationFailed,
    /// A role isn't granted, or not consented to.
    InsufficientPermissions,
    /// Another region, cloud or API.
    WrongApiEndpoint,
    /// Nothing to see: no device, no active subscription.
    NoData,
    /// Application or delegated permissions, and an old token.
    PermissionScope,
}

/// Something that stands in the way: what, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Where it belongs.
    pub heading: Heading,
    /// What was found.
    pub cause: String,
    /// What to do.
    pub fix: String,
}

/// An application that the client signs in as, and what its token says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Principal {
    /// Its client id, by the token or the credential.
    pub application: Option<String>,
    /// The tenant, by the token or the credential.
    pub tenant: Option<String>,
    /// When its credential ends, if that is known.
    pub credential_expires: Option<Timestamp>,
    /// What its token says; `None` without a token.
    pub claims: Option<TokenClaims>,
    /// Whether its token is of another tenant or another API, so that nothing is changed with it.
    pub is_objected_to: bool,
}

/// What [`Client::check`] found. It prints as a page to hand to the tenant's administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// The API's base.
    pub base_url: String,
    /// The audience that tokens are asked for.
    pub audience: String,
    /// What changes go by.
    pub writer: Principal,
    /// What reads go by, if that is another application.
    pub reader: Option<Principal>,
    /// What can be done, for each operation.
    pub operations: Vec<Access>,
    /// Roles that no operation of this crate needs, the gravest first.
    pub excess_roles: Vec<String>,
    /// What stands in the way.
    pub findings: Vec<Finding>,
}

impl Check {
    /// Whether nothing stands in the way. An operation that lacks a role isn't in the way by itself.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Client {
    /// Signs in, reads the token, and reads one machine: what this client may do, and what stands in its way.
    ///
    /// Nothing is changed. One read of [`ListMachines`] draws on its quota.
    ///
    /// ```no_run
    /// # async fn f(defender: defender_response::Client) {
    /// let check = defender.check().await;
    /// println!("{check}");
    /// # }
    /// ```
    pub async fn check(&self) -> Check {
        let (sender, reading_sender) = self.senders();
        let mut findings = Vec::new();
        let writer = principal(self, sender, &mut findings).await;
        let reader = match reading_sender {
            Some(sender) => Some(principal(self, sender, &mut findings).await),
            None => None,
        };
        let changes = writer.claims.as_ref();
        let reads = reader.as_ref().map_or(changes, |principal| principal.claims.as_ref());
        let tenants =
            changes.and_then(|c| c.tenant.as_ref()).zip(reads.and_then(|r| r.tenant.as_ref()));
        if let Some((one, other)) = tenants
            && !one.eq_ignore_ascii_case(other)
        {
            let cause = format!("writer and reader are of two tenants, {one} and {other}");
            let fix = "use applications of one tenant; nothing is changed like this";
            find(&mut findings, Heading::AuthenticationFailed, cause, fix);
        }
        if reads.is_some() {
            one_read(self, &mut findings).await;
        }
        // With a token of another tenant or API nothing is changed, whatever its roles.
        let admitted = changes.filter(|_| !writer.is_objected_to);
        findings.sort_by_key(|finding| finding.heading);
        Check {
            base_url: self.base_url().to_string(),
            audience: self.audience().to_owned(),
            operations: OPERATIONS.iter().map(|spec| Access::of(spec, admitted, reads)).collect(),
            excess_roles: access::excess(changes.into_iter().chain(reads)),
            writer,
            reader,
            findings,
        }
    }

    /// Whether the service lets this client isolate, shown by an isolation of a machine that doesn't exist: the service
    /// looks at the role first (403) and at the machine then (404).
    ///
    /// **It is a write**, though one without an effect, and shows up as such in logs. [`check`](Self::check) doesn't do it.
    ///
    /// # Errors
    /// Whatever else the call runs into.
    pub async fn probe(&self) -> Result<bool> {
        let nobody: MachineId = "0".repeat(40).parse()?;
        let isolate = Isolate::new(
            nobody,
            IsolationType::Full,
            "permission probe, on a machine that doesn't exist",
        );
        match self.send(&isolate).await {
            Err(error) if error.is_not_found() => Ok(true),
            Err(error) if error.is_permission_denied() => Ok(false),
            Err(error) => Err(error),
            Ok(action) => Err(Error::new(
                ErrorKind::Service,
                format!(
                    "the service took an isolation of a machine that doesn't exist, as {}",
                    action.id
                ),
            )),
        }
    }
}

async fn principal(client: &Client, sender: &Sender, findings: &mut Vec<Finding>) -> Principal {
    let source = sender.tokens.source();
    credential_ends(source, client.clock().wall(), findings);
    let mut is_objected_to = false;
    let claims = match sender.tokens.get().await {
        Ok(bearer) => {
            if let Some(objection) = bearer.objection() {
                is_objected_to = true;
                let heading = if objection.contains("tenant") {
                    Heading::AuthenticationFailed
                } else {
                    Heading::WrongApiEndpoint
                };
                find(
                    findings,
                    heading,
                    objection.to_owned(),
                    "check tenant, region and audience; changes are refused like this",
                );
            }
            scope(bearer.claims(), findings);
            Some(bearer.claims().clone())
        }
        Err(error) => {
            no_token(client, &error, findings);
            None
        }
    };
    let told = claims.as_ref();
    Principal {
        is_objected_to,
        application: told
            .and_then(|claims| claims.application.clone())
            .or_else(|| source.application().map(str::to_owned)),
        tenant: told
            .and_then(|claims| claims.tenant.clone())
            .or_else(|| source.tenant().map(str::to_owned)),
        credential_expires: source.expires(),
        claims,
    }
}

fn credential_ends(source: &dyn TokenSource, now: Timestamp, findings: &mut Vec<Finding>) {
    let Some(at) = source.expires() else { return };
    let days = at.since(now).as_secs() / 86_400;
    if days < SOON_DAYS {
        let cause = format!("the credential ends at {at}, in {days} days");
        find(
            findings,
            Heading::AuthenticationFailed,
            cause,
            "add a new secret or certificate and use it before then",
        );
    }
}

fn no_token(client: &Client, error: &TokenError, findings: &mut Vec<Finding>) {
    let heading = match error.kind() {
        TokenErrorKind::NotProvisioned => Heading::NoData,
        TokenErrorKind::WrongCloud | TokenErrorKind::WrongAudience | TokenErrorKind::Transient => {
            Heading::WrongApiEndpoint
        }
        TokenErrorKind::NotConsented => Heading::InsufficientPermissions,
        _ => Heading::AuthenticationFailed,
    };
    let fix = match error.kind() {
        TokenErrorKind::Transient => {
            format!("the sign-in host can't be reached or is busy; {}", regions(client))
        }
        kind => kind.advice().to_owned(),
    };
    find(findings, heading, error.to_string(), &fix);
}

/// No role at all has two causes, which look the same from here.
fn scope(claims: &TokenClaims, findings: &mut Vec<Finding>) {
    if !claims.roles.is_empty() {
        return;
    }
    if claims.scopes.is_empty() {
        find(
            findings,
            Heading::InsufficientPermissions,
            "the token holds no role".to_owned(),
            "grant WindowsDefenderATP permissions of the application type (delegated ones don't count here), have an \
             administrator consent, and wait some minutes",
        );
    } else {
        find(
            findings,
            Heading::PermissionScope,
            format!("the token holds delegated permissions alone: {}", claims.scopes.join(", ")),
            "grant permissions of the application type; a user's token also needs the user's role and device groups",
        );
    }
}

async fn one_read(client: &Client, findings: &mut Vec<Finding>) {
    let mut operation = ListMachines::new(None);
    operation.query.top = 1;
    let (cause, heading, fix) = match client.send(&operation).await {
        Ok(page) if page.value.is_empty() => (
            "the tenant shows no machine".to_owned(),
            Heading::NoData,
            "onboard a device, wait for its first report, or choose the region of the tenant's data".to_owned(),
        ),
        Ok(_) => return,
        Err(error) => {
            let (heading, fix) = match error.kind() {
                ErrorKind::NotFound | ErrorKind::Unlicensed => (
                    Heading::NoData,
                    "the tenant needs an active Defender for Endpoint, opened once in the portal".to_owned(),
                ),
                ErrorKind::PermissionDenied => {
                    let roles = error.missing_roles().join(" or ");
                    (Heading::InsufficientPermissions, format!("grant {roles}, without which nothing can be watched"))
                }
                ErrorKind::Unauthorized => (
                    Heading::PermissionScope,
                    "the token isn't accepted: an old one, or one of another cloud".to_owned(),
                ),
                ErrorKind::SignIn if !findings.is_empty() => return,
                ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Service => {
                    (Heading::NoData, "the service is busy or failing: try again later".to_owned())
                }
                _ => (Heading::WrongApiEndpoint, regions(client)),
            };
            (error.to_string(), heading, fix)
        }
    };
    find(findings, heading, cause, &fix);
}

fn regions(client: &Client) -> String {
    let names: Vec<_> = Region::ALL.iter().map(|region| region.as_str()).collect();
    format!(
        "the API is asked at {}; the regions are {}; a base URL is the host alone, without /api",
        client.base_url(),
        names.join(", ")
    )
}

fn find(findings: &mut Vec<Finding>, heading: Heading, cause: String, fix: &str) {
    findings.push(Finding { heading, cause, fix: fix.to_owned() });
}

/// Whether an operation goes by the reader.
fn is_read(safety: Safety) -> bool {
    safety == Safety::Read
}
